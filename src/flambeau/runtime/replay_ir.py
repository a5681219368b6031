"""LLVM IR that replays a program: its relocations and scalars are written, then its phases run one after the other.

``threads.Program`` writes the program; ``@launch`` and ``@run_serial`` are those of ``threads_ir.py``.
"""

from __future__ import annotations

# ``PROGRESS`` of a posted program that is done.
FINISHED = 1 << 62

# The words of a program's header, in this order; ``threads.Program`` writes it.
HEADER_WORDS = 8
PHASE_WORDS = 5

REPLAY = """
%Header = type { i64, ptr, i64, ptr, i64, ptr, ptr, ptr }
%Relocation = type { ptr, i64, i64 }
%ScalarRelocation = type { ptr, i64 }
%Phase = type { i64, i64, ptr, ptr, ptr }

define void @parallel_call(ptr %function, ptr %args, i64 %items) nounwind {
  call void @launch(i64 %items, ptr null, ptr %function, ptr %args, i64 0)
  ret void
}

; *cell = bases[index] + offset
define internal void @relocate(i64 %count, ptr %relocations, ptr %bases) nounwind {
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %next, label %end
next:
  %i = phi i64 [ 0, %entry ], [ %following, %next ]
  %index_cell = getelementptr %Relocation, ptr %relocations, i64 %i, i32 1
  %offset_cell = getelementptr %Relocation, ptr %relocations, i64 %i, i32 2
  %cell_cell = getelementptr %Relocation, ptr %relocations, i64 %i
  %index = load i64, ptr %index_cell, align 8
  %offset = load i64, ptr %offset_cell, align 8
  %cell = load ptr, ptr %cell_cell, align 8
  %base_cell = getelementptr i64, ptr %bases, i64 %index
  %base = load i64, ptr %base_cell, align 8
  %address = add i64 %base, %offset
  store i64 %address, ptr %cell, align 8
  %following = add i64 %i, 1
  %more = icmp slt i64 %following, %count
  br i1 %more, label %next, label %end
end:
  ret void
}

; *cell = scalars[index]
define internal void @set_scalars(i64 %count, ptr %relocations, ptr %scalars) nounwind {
entry:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %next, label %end
next:
  %i = phi i64 [ 0, %entry ], [ %following, %next ]
  %cell_cell = getelementptr %ScalarRelocation, ptr %relocations, i64 %i
  %index_cell = getelementptr %ScalarRelocation, ptr %relocations, i64 %i, i32 1
  %cell = load ptr, ptr %cell_cell, align 8
  %index = load i64, ptr %index_cell, align 8
  %scalar_cell = getelementptr i64, ptr %scalars, i64 %index
  %scalar = load i64, ptr %scalar_cell, align 8
  store i64 %scalar, ptr %cell, align 8
  %following = add i64 %i, 1
  %more = icmp slt i64 %following, %count
  br i1 %more, label %next, label %end
end:
  ret void
}

define internal void @run_phase(ptr %phase, i64 %thread) nounwind {
entry:
  %parallel_cell = getelementptr %Phase, ptr %phase, i64 0, i32 1
  %table_cell = getelementptr %Phase, ptr %phase, i64 0, i32 2
  %function_cell = getelementptr %Phase, ptr %phase, i64 0, i32 3
  %args_cell = getelementptr %Phase, ptr %phase, i64 0, i32 4
  %count = load i64, ptr %phase, align 8
  %parallel = load i64, ptr %parallel_cell, align 8
  %table = load ptr, ptr %table_cell, align 8
  %function = load ptr, ptr %function_cell, align 8
  %args = load ptr, ptr %args_cell, align 8
  %alone = icmp eq i64 %parallel, 0
  br i1 %alone, label %serial, label %together
serial:
  call void @run_serial(i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread)
  ret void
together:
  call void @launch(i64 %count, ptr %table, ptr %function, ptr %args, i64 %thread)
  ret void
}

define void @replay(ptr %program) nounwind {
  call void @replay_as(ptr %program, i64 0, ptr null)
  ret void
}

; Replay as thread %thread; %progress, where it is given, is told how many phases are done.
define internal void @replay_as(ptr %program, i64 %thread, ptr %progress) nounwind {
entry:
  %header = load %Header, ptr %program, align 8
  %relocation_count = extractvalue %Header %header, 0
  %relocations = extractvalue %Header %header, 1
  %scalar_count = extractvalue %Header %header, 2
  %scalar_relocations = extractvalue %Header %header, 3
  %phase_count = extractvalue %Header %header, 4
  %phases = extractvalue %Header %header, 5
  %bases = extractvalue %Header %header, 6
  %scalars = extractvalue %Header %header, 7
  call void @relocate(i64 %relocation_count, ptr %relocations, ptr %bases)
  call void @set_scalars(i64 %scalar_count, ptr %scalar_relocations, ptr %scalars)
  %told = icmp ne ptr %progress, null
  %any = icmp sgt i64 %phase_count, 0
  br i1 %any, label %next, label %end
next:
  %i = phi i64 [ 0, %entry ], [ %following, %told_or_not ]
  %phase = getelementptr %Phase, ptr %phases, i64 %i
  call void @run_phase(ptr %phase, i64 %thread)
  %following = add i64 %i, 1
  br i1 %told, label %tell, label %told_or_not
tell:
  store atomic i64 %following, ptr %progress release, align 8
  br label %told_or_not
told_or_not:
  %more = icmp slt i64 %following, %phase_count
  br i1 %more, label %next, label %end
end:
  br i1 %told, label %finish, label %leave
finish:
  store atomic i64 FINISHED, ptr %progress release, align 8
  br label %leave
leave:
  ret void
}
""".replace("FINISHED", str(FINISHED))
