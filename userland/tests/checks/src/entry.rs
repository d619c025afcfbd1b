//! The two gates: both give the same answers, whatever the flags, selectors, stacks and addresses
//! are.

use libsys::abi::registers::UserRegisters;
use libsys::call::{Answer, Gate};
use libsys::process::{end, id};
use libsys::{Error, Permissions, ProcessId, Syscall, Target, registers_read};

use crate::bare::{self, CALL, CODE, SYSENTER, at};
use crate::expect::{Outcome, checks, equal, refused};
use crate::family::{GENERAL_PROTECTION, KILLED, PAGE_FAULT, child, ends_well, is_killed, until};
use crate::memory::{bits, parent, stale_id, test_page};
use support::Registers;
use support::gate::{interrupt, sysenter};

checks! {
    both_gates_give_the_same_answers,
    both_gates_give_the_same_errors,
    a_message_by_sysenter_has_three_words,
    a_call_preserves_what_it_does_not_return,
    flags_at_entry_are_harmless_and_come_back,
    a_trap_flag_does_not_reach_the_kernel,
    a_stack_pointer_in_the_kernel_is_harmless,
    sysenter_returns_only_where_a_program_may_run,
    software_interrupts_are_refused,
    kernel_selectors_are_refused,
    a_local_descriptor_table_is_not_there,
    privileged_instructions_are_refused,
    an_instruction_at_the_end_of_user_space_faults,
}

const BOTH: [Gate; 2] = [Gate::Interrupt, Gate::Sysenter];

#[allow(unsafe_code)]
fn invoke(gate: Gate, call: Syscall) -> Result<Answer, Error> {
    // SAFETY: the calls of these checks change test pages, in which no Rust object lies.
    unsafe { gate.invoke(call) }
}

fn both_gates_give_the_same_answers() -> Outcome {
    for gate in BOTH {
        let identity = invoke(gate, Syscall::Identity)?;
        let [own, its_parent, pager, _] = identity.words;
        equal("own id", own, id().bits())?;
        equal("parent", its_parent, parent()?.bits())?;
        equal("pager", pager, libsys::identity().pager.map_or(0, ProcessId::bits))?;
        let (process, page) = (Target::Caller, test_page(0));
        let permissions = Permissions::WRITE | Permissions::COPY_ON_WRITE;
        invoke(gate, Syscall::PageAllocate { process, page, permissions })?;
        equal("a fresh page", bits(page), 0x807)?;
        let to = Target::Process(id());
        let map = Syscall::PageMap { process, page, to, to_page: test_page(1), permissions };
        invoke(gate, map)?;
        equal("mapped once more", bits(test_page(1)), 0x807)?;
        let copy = Syscall::PageCopy { process, page, permissions: Permissions::empty() };
        equal("copied", invoke(gate, copy)?.words[0], 1)?;
        let range = crate::memory::test_pages(0, 2)?;
        let unmap =
            invoke(gate, Syscall::RangeUnmap { process, range, marks: Permissions::empty() })?;
        equal("unmapped", (unmap.words[0], bits(page), bits(test_page(1))), (2, 0, 0))?;
    }
    // A call with four results can return them by one of the gates only.
    let process = Target::Caller;
    let range = crate::memory::test_pages(0, 2)?;
    let (drop, add) = (Permissions::empty(), Permissions::empty());
    for call in [
        Syscall::RangeProtect { process, range, drop, add },
        Syscall::Usage { process },
        Syscall::Machine,
    ] {
        invoke(Gate::Interrupt, call)?;
        refused("by sysenter", invoke(Gate::Sysenter, call), Error::InvalidArgument)?;
    }
    Ok(())
}

fn both_gates_give_the_same_errors() -> Outcome {
    let (stale, page) = (stale_id()?, test_page(0));
    for gate in BOTH {
        let process = Target::Process(stale);
        let (permissions, marks) = (Permissions::WRITE, Permissions::empty());
        let allocate = Syscall::PageAllocate { process, page, permissions };
        refused("a stale id", invoke(gate, allocate), Error::NoSuchProcess)?;
        let unmap = Syscall::PageUnmap { process, page, marks };
        refused("a stale id", invoke(gate, unmap), Error::NoSuchProcess)?;
        let copy = Syscall::PageCopy { process: Target::Caller, page, permissions };
        refused("an absent page", invoke(gate, copy), Error::NotMapped)?;
        refused("no child", invoke(gate, Syscall::Wait { child: None }), Error::NoChild)?;
        let send = Syscall::Send { to: id(), words: [0; 4], transfer: None };
        refused("to oneself", invoke(gate, send), Error::Deadlock)?;
        let kernel = Syscall::ConsoleWrite { address: 0xF000_0000, length: 1 };
        refused("kernel memory", invoke(gate, kernel), Error::Fault)?;
        let forward = Syscall::FaultForward { address: 0, access: 4, eip: 0 };
        refused("page 0", invoke(gate, forward), Error::Refused)?;
    }
    Ok(())
}

fn a_message_by_sysenter_has_three_words() -> Outcome {
    let own = id();
    let child = child(|| {
        let to = own.bits();
        // A `call`: words in ebx, esi, ebp; the process in edi.
        let reply = sysenter(Registers {
            eax: 62,
            ebx: 1,
            esi: 2,
            edi: to,
            ebp: 3,
            ..Registers::default()
        });
        equal("header", reply.eax, 0)?;
        equal("sender and words", [reply.edi, reply.ebx, reply.esi, reply.ebp], [to, 4, 5, 6])
    })?;
    let call = libsys::receive(None, None)?;
    equal("the call", (call.sender, call.words), (child, [1, 2, 3, 0]))?;
    libsys::reply(child, [4, 5, 6, 7], None)?;
    ends_well(child)
}

fn a_call_preserves_what_it_does_not_return() -> Outcome {
    let before = Registers {
        eax: 67,
        edx: 1,
        ecx: 2,
        ebx: 3,
        esi: 4,
        edi: 5,
        ebp: 6,
        eflags: 0x202,
        ..Registers::default()
    };
    // Yield takes no argument and reads none.
    let after = interrupt(before);
    equal("registers", Registers { eflags: 0x202, ..after }, Registers { eax: 0, ..before })?;
    // A JOS call: eax is the result, all other registers keep their values.
    let after = interrupt(Registers { eax: 2, ..before });
    equal(
        "registers",
        Registers { eflags: 0x202, ..after },
        Registers { eax: id().bits(), ..before },
    )
}

/// DF, NT, AC, ID and the arithmetic flags.
fn flags_at_entry_are_harmless_and_come_back() -> Outcome {
    for flags in [0x400, 0x4000, 0x4_0000, 0x20_0000, 0x8D5, 0x24_4CD5] {
        let raw = Registers { eax: 32, eflags: flags, ..Registers::default() };
        for after in [interrupt(raw), sysenter(raw)] {
            equal(
                format_args!("id with flags {flags:#x}"),
                (after.eax, after.ebx),
                (0, id().bits()),
            )?;
            // NT need not be restored.
            let kept = flags & !0x4000;
            equal("flags", after.eflags & kept, kept)?;
        }
        // A call that copies much memory upwards.
        let fresh = Registers {
            eax: 33 | 2 << 8,
            ecx: test_page(0).address(),
            eflags: flags,
            ..Registers::default()
        };
        equal("a fresh page", interrupt(fresh).eax, 0)?;
    }
    Ok(())
}

/// `int` restores the flag, so that the process gets its exception after its next instruction;
/// `sysenter` clears it.
fn a_trap_flag_does_not_reach_the_kernel() -> Outcome {
    const DEBUG: u32 = KILLED + 1;
    let stepped = UserRegisters { eflags: 0x100, eax: 32, ..UserRegisters::default() };
    is_killed(bare::run(CALL, stepped)?, DEBUG)?;
    let child = child(|| {
        interrupt(Registers { eax: 32, eflags: 0x100, ..Registers::default() });
        Ok(())
    })?;
    is_killed(child, DEBUG)?;
    for _ in 0..3 {
        let raw = sysenter(Registers { eax: 32, eflags: 0x100, ..Registers::default() });
        equal("id", (raw.eax, raw.ebx), (0, id().bits()))?;
        equal("the flag", raw.eflags & 0x100, 0)?;
    }
    Ok(())
}

/// The kernel never reads a program's stack.
fn a_stack_pointer_in_the_kernel_is_harmless() -> Outcome {
    for esp in [0, 1, 0xEEC0_0000, 0xEF40_0004, 0xF010_0000, 0xFFFF_FFFF] {
        let registers = UserRegisters { eax: 32, esp, edi: 9, ..UserRegisters::default() };
        let child = bare::run(CALL, registers)?;
        until("it has made its call", || {
            registers_read(child).is_ok_and(|registers| registers.eip == CODE + 2)
        })?;
        let after = registers_read(child)?;
        equal("id", (after.eax, after.ebx), (0, child.bits()))?;
        equal("the rest", (after.esp, after.edi), (esp, 0))?;
        end(child)?;
    }
    Ok(())
}

fn sysenter_returns_only_where_a_program_may_run() -> Outcome {
    for edx in [
        0,
        1,
        0x5000_0000,
        0xEEBF_FFFF,
        0xEF80_0000,
        0xF010_0000,
        0xFFFF_F000,
        0xFFFF_FFFE,
        0xFFFF_FFFF,
    ] {
        for esp in [0, 0xF010_0000] {
            let registers = UserRegisters { eax: 67, edx, ecx: esp, ..UserRegisters::default() };
            is_killed(bare::run(SYSENTER, registers)?, PAGE_FAULT)?;
        }
        // A call that restarts resumes two bytes before that address, which is no better one.
        let absent =
            UserRegisters { eax: 68, ebx: 0x5000_0000, esi: 4, edx, ..UserRegisters::default() };
        is_killed(bare::run(SYSENTER, absent)?, PAGE_FAULT)?;
    }
    Ok(())
}

fn software_interrupts_are_refused() -> Outcome {
    for vector in [0, 1, 2, 5, 6, 7, 8, 10, 13, 14, 18, 31, 32, 33, 36, 39, 47, 49, 0x80, 0xFF] {
        let code = [0xCD, vector, 0xEB, 0xFE];
        is_killed(bare::run(&code, at(0))?, GENERAL_PROTECTION)?;
    }
    // A program may raise these two, and ends with their vectors.
    for (code, vector) in [([0xCD, 3], 3), ([0xCD, 4], 4), ([0xCC, 0x90], 3)] {
        is_killed(bare::run(&code, at(0))?, KILLED + vector)?;
    }
    Ok(())
}

fn kernel_selectors_are_refused() -> Outcome {
    // ds, es, fs, gs, ss
    for register in [0xD9, 0xC1, 0xE1, 0xE9, 0xD1] {
        for selector in [0x08, 0x10, 0x28, 0x30, 0x38, 0x43, 0xFFF8] {
            let code = [0x8E, register, 0xEB, 0xFE];
            let registers = UserRegisters { ecx: selector, ..UserRegisters::default() };
            is_killed(bare::run(&code, registers)?, GENERAL_PROTECTION)?;
        }
    }
    // A far jump to the kernel's code segment, and to this CPU's task.
    for selector in [0x08, 0x28] {
        let code = [0xEA, 0, 0, 0x80, 0, selector, 0, 0xEB, 0xFE];
        is_killed(bare::run(&code, at(0))?, GENERAL_PROTECTION)?;
    }
    Ok(())
}

/// The CPU starts with a local descriptor table at linear address 0, 64 KiB long. A program may map
/// page 0. If the table were still in use, the program could write descriptors, a call gate into
/// ring 0 among them.
fn a_local_descriptor_table_is_not_there() -> Outcome {
    // Descriptor 1: a call gate for ring 3 to a `retf` in the code page, with the kernel's code
    // segment. Descriptor 2: flat data of ring 3.
    let target = CODE + 0x80;
    let gate = [target & 0xFFFF | 0x08 << 16, target & 0xFFFF_0000 | 0xEC00];
    let data = [0x0000_FFFF, 0x00CF_F200];
    let (first, kept) = (libsys::UserPage::known(0), test_page(0));
    crate::memory::fresh(0)?;
    for (offset, word) in (8..).step_by(4).zip(gate.into_iter().chain(data)) {
        support::memory::store(kept.address() + offset, word);
    }
    // Each program exits with 0 if it gets that far; the gate's code needs ring 0.
    let mut far_call = [0x90; 0x84];
    far_call[..7].copy_from_slice(&[0x9A, 0, 0, 0, 0, 0x0F, 0]); // call 0x0f:0
    far_call[7..16].copy_from_slice(&EXIT);
    far_call[0x80..].copy_from_slice(&[0x0F, 0x20, 0xD8, 0xCB]); // mov eax, cr3; retf
    let mut load_data = [0x8E, 0xD9, 0, 0, 0, 0, 0, 0, 0, 0, 0]; // mov ds, ecx
    load_data[2..].copy_from_slice(&EXIT);
    let cases =
        [(&far_call[..], 0), (&load_data[..], 0x17), (&load_data, 0x07), (&load_data, 0xFFFF)];
    for (code, selector) in cases {
        let registers = UserRegisters { ecx: selector, ..UserRegisters::default() };
        let child = bare::bare(code, registers)?;
        libsys::page_map((Target::Caller, kept), (child, first), Permissions::WRITE)?;
        libsys::process_start(child)?;
        is_killed(child, GENERAL_PROTECTION)?;
    }
    Ok(())
}

/// `xor ebx, ebx; mov eax, 47; int 0x30`: exits with 0.
const EXIT: [u8; 9] = [0x31, 0xDB, 0xB8, 47, 0, 0, 0, 0xCD, 0x30];

fn privileged_instructions_are_refused() -> Outcome {
    let codes: [(&str, &[u8], u32); 16] = [
        ("hlt", &[0xF4], GENERAL_PROTECTION),
        ("cli", &[0xFA], GENERAL_PROTECTION),
        ("sti", &[0xFB], GENERAL_PROTECTION),
        ("in al, 0x60", &[0xE4, 0x60], GENERAL_PROTECTION),
        ("out 0xf4, al", &[0xE6, 0xF4], GENERAL_PROTECTION),
        ("in eax, dx", &[0xED], GENERAL_PROTECTION),
        ("out dx, eax", &[0xEF], GENERAL_PROTECTION),
        ("mov eax, cr3", &[0x0F, 0x20, 0xD8], GENERAL_PROTECTION),
        ("mov cr0, eax", &[0x0F, 0x22, 0xC0], GENERAL_PROTECTION),
        ("mov eax, dr0", &[0x0F, 0x21, 0xC0], GENERAL_PROTECTION),
        ("invlpg [eax]", &[0x0F, 0x01, 0x38], GENERAL_PROTECTION),
        ("wrmsr", &[0x0F, 0x30], GENERAL_PROTECTION),
        ("rdmsr", &[0x0F, 0x32], GENERAL_PROTECTION),
        ("sysexit", &[0x0F, 0x35], GENERAL_PROTECTION),
        ("ud2", &[0x0F, 0x0B], KILLED + 6),
        ("div by zero", &[0x31, 0xC9, 0xF7, 0xF1], KILLED),
    ];
    for (name, code, status) in codes {
        let child = bare::run(code, at(0))?;
        let ended = libsys::process::wait(Some(child))?;
        equal(name, ended.status, status)?;
    }
    Ok(())
}

/// Code runs off the last user page into UENVS, which can be read but holds no code that a program
/// can choose. A jump over all of it meets the kernel's first page.
fn an_instruction_at_the_end_of_user_space_faults() -> Outcome {
    for target in [0xEF80_0000_u32, 0xEFFF_FFFC, 0xF000_0000, 0xFFFF_FFFC] {
        let [a, b, c, d] = target.to_le_bytes();
        // mov eax, target; jmp eax
        let code = [0xB8, a, b, c, d, 0xFF, 0xE0];
        is_killed(bare::run(&code, at(0))?, PAGE_FAULT)?;
    }
    Ok(())
}
