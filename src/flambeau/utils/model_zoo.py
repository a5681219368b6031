"""The old place of ``torch.hub.load_state_dict_from_url``."""

from __future__ import annotations

from ..hub import download_url_to_file
from ..hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]
_download_url_to_file = download_url_to_file
