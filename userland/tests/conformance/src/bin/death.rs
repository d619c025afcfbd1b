//! `death`: what ends a process, what the console shows of it, and which processes go on. Has to be
//! the only first process.
#![no_std]
#![no_main]

use conformance::calls::{
    cputs, env_destroy, env_set_pgfault_upcall, env_set_status, env_set_trapframe, exofork,
    getenvid, ipc_recv, ipc_try_send, page_alloc, page_map, page_unmap, sys_yield,
};
use conformance::claims::{Outcome, equal, holds, until};
use conformance::code::execute;
use conformance::family::{
    child, end, ends_well, is_gone, is_killed, kills, read_board, stopped_child, until_receiving,
    write_board,
};
use conformance::shown::{
    BAD_ENV, PARENT, READ, STATUS, UTOP, WRITE, field, fresh, pageref, record, test_page,
};
use conformance::upcall::{Access, EXCEPTION_STACK, handle_faults, handling_upcall, touch};
use support::Registers;
use support::memory::{load, store};

conformance::program! {
    the_console_shows_all_registers,
    a_read_of_nothing_ends_the_process,
    a_write_to_nothing_ends_the_process,
    a_write_without_permission_ends_the_process,
    a_read_of_the_kernel_ends_the_process,
    a_write_to_the_window_ends_the_process,
    an_upcall_without_an_exception_stack_ends_the_process,
    an_upcall_with_a_read_only_exception_stack_ends_the_process,
    an_upcall_with_a_full_exception_stack_ends_the_process,
    cputs_of_absent_memory_ends_the_process,
    cputs_of_the_kernels_memory_ends_the_process,
    cputs_over_the_edge_of_memory_ends_the_process,
    cputs_raises_no_upcall,
    env_set_trapframe_from_absent_memory_ends_the_process,
    env_set_trapframe_raises_no_upcall,
    every_other_exception_ends_the_process,
    software_interrupts_but_30_end_the_process,
    instructions_of_the_system_end_the_process,
    other_exceptions_raise_no_upcall,
    a_child_that_is_ended_is_told,
    an_exit_is_told,
    a_dead_process_gives_its_pages_back,
    a_grandchild_is_nobodys_until_its_parent_is_dead,
    an_orphan_lives_on,
    a_sender_finds_nobody_when_the_receiver_is_dead,
}

/// The test expects these values: each is a number that spells its register's name.
fn the_console_shows_all_registers() -> Outcome {
    let child = stopped_child(|| Ok(()))?;
    let frame = fresh(9);
    for (offset, word) in [
        (0, 0xED1),
        (4, 0xE51),
        (8, 0xEB9),
        (16, 0xEB1),
        (20, 0xED2),
        (24, 0xEC1),
        (28, 0xEA1),
        (48, 0x0DEA_DE19),
        (56, 0x0000_08D5),
        (60, 0x000E_5900),
    ] {
        store(frame + offset, word);
    }
    equal("registers", env_set_trapframe(child, frame), 0)?;
    equal("start", env_set_status(child, 2), 0)?;
    until("it is killed", || is_gone(child))
}

fn a_read_of_nothing_ends_the_process() -> Outcome {
    kills(|| {
        load(test_page(700));
    })
}

fn a_write_to_nothing_ends_the_process() -> Outcome {
    kills(|| store(test_page(701), 1))
}

fn a_write_without_permission_ends_the_process() -> Outcome {
    kills(|| {
        page_alloc(0, test_page(702), READ);
        load(test_page(702));
        store(test_page(702), 1);
    })
}

fn a_read_of_the_kernel_ends_the_process() -> Outcome {
    kills(|| {
        load(0xF010_0000);
    })
}

fn a_write_to_the_window_ends_the_process() -> Outcome {
    kills(|| store(0xEF7B_D000, 7))
}

fn an_upcall_without_an_exception_stack_ends_the_process() -> Outcome {
    kills(|| {
        env_set_pgfault_upcall(0, handling_upcall());
        load(test_page(703));
    })
}

fn an_upcall_with_a_read_only_exception_stack_ends_the_process() -> Outcome {
    kills(|| {
        page_alloc(0, EXCEPTION_STACK, READ);
        env_set_pgfault_upcall(0, handling_upcall());
        load(test_page(704));
    })
}

/// One byte too few for the record.
fn an_upcall_with_a_full_exception_stack_ends_the_process() -> Outcome {
    kills(|| {
        page_alloc(0, EXCEPTION_STACK, WRITE);
        let esp = 0xEEBF_F037;
        touch(Access::Read, Registers { ecx: test_page(705), esp, ..Registers::default() });
    })
}

fn cputs_of_absent_memory_ends_the_process() -> Outcome {
    kills(|| {
        cputs(test_page(706), 1);
    })?;
    // The whole length is checked, not the text up to a zero.
    kills(|| {
        let page = fresh(707);
        page_unmap(0, test_page(708));
        cputs(page + 0xFF0, 0x11);
    })
}

fn cputs_of_the_kernels_memory_ends_the_process() -> Outcome {
    kills(|| {
        cputs(0xF010_0000, 4);
    })?;
    kills(|| {
        cputs(0xEFC0_0000, 1);
    })
}

/// The length wraps.
fn cputs_over_the_edge_of_memory_ends_the_process() -> Outcome {
    kills(|| {
        cputs(0xFFFF_FFFF, 2);
    })?;
    kills(|| {
        cputs(fresh(709), 0xFFFF_FFFF);
    })
}

fn cputs_raises_no_upcall() -> Outcome {
    kills(|| {
        handle_faults();
        load(test_page(710));
        cputs(test_page(711), 1);
    })
}

fn env_set_trapframe_from_absent_memory_ends_the_process() -> Outcome {
    kills(|| {
        env_set_trapframe(0, test_page(712));
    })?;
    // 68 bytes, the last of them on the next page.
    kills(|| {
        page_unmap(0, test_page(714));
        env_set_trapframe(0, fresh(713) + 0xFBD);
    })
}

fn env_set_trapframe_raises_no_upcall() -> Outcome {
    kills(|| {
        handle_faults();
        load(test_page(715));
        env_set_trapframe(0, test_page(716));
    })
}

/// A child executes this; eax, ecx and edx are 0.
fn code_kills(code: &[u8]) -> Outcome {
    kills(|| {
        execute(code, 0);
    })
}

fn every_other_exception_ends_the_process() -> Outcome {
    code_kills(&[0xF7, 0xF1])?; // div ecx
    code_kills(&[0x9C, 0x80, 0x4C, 0x24, 0x01, 0x01, 0x9D, 0x90])?; // pushf; or byte [esp + 1], 1; popf; nop
    code_kills(&[0xB8, 0x28, 0, 0, 0, 0x8E, 0xD8])?; // mov eax, 0x28; mov ds, eax
    code_kills(&[0xB0, 0x7F, 0x04, 0x01, 0xCE])?; // mov al, 127; add al, 1; into
    code_kills(&[0x0F, 0x0B])?; // ud2
    code_kills(&[0xB8, 0x10, 0, 0, 0, 0x8E, 0xC0])?; // mov eax, 0x10; mov es, eax
    code_kills(&[0x8E, 0xD0]) // mov ss, eax
}

/// Those of the CPU, of devices, and those beyond 0x30: general protection, with the vector in the
/// error code.
fn software_interrupts_but_30_end_the_process() -> Outcome {
    for vector in [0x00, 0x08, 0x0D, 0x0E, 0x20, 0x2F, 0x31, 0x80, 0xFF] {
        code_kills(&[0xCD, vector])?;
    }
    Ok(())
}

fn instructions_of_the_system_end_the_process() -> Outcome {
    code_kills(&[0xFA])?; // cli
    code_kills(&[0xFB])?; // sti
    code_kills(&[0xF4])?; // hlt
    code_kills(&[0xEC])?; // in al, dx
    code_kills(&[0xEE])?; // out dx, al
    code_kills(&[0x0F, 0x20, 0xD8])?; // mov eax, cr3
    code_kills(&[0x0F, 0x22, 0xD8])?; // mov cr3, eax
    code_kills(&[0x0F, 0x32])?; // rdmsr
    code_kills(&[0x0F, 0x06])?; // clts
    code_kills(&[0x0F, 0x01, 0x38]) // invlpg [eax]
}

fn other_exceptions_raise_no_upcall() -> Outcome {
    kills(|| {
        handle_faults();
        load(test_page(717));
        execute(&[0x0F, 0x0B], 0);
    })
}

fn a_child_that_is_ended_is_told() -> Outcome {
    let child = exofork();
    holds("a child", child > 0)?;
    end(child.cast_unsigned())
}

fn an_exit_is_told() -> Outcome {
    ends_well(child(|| Ok(()))?)
}

/// The pages that it shared, and its slot.
fn a_dead_process_gives_its_pages_back() -> Outcome {
    let page = fresh(1);
    let child = child(|| {
        page_map((0, test_page(2)), (0, 0), WRITE);
        sys_yield();
        load(test_page(700));
        Ok(())
    })?;
    equal("share", page_map((0, page), (child, test_page(2)), WRITE), 0)?;
    is_killed(child)?;
    equal("count", pageref(page), 1)?;
    equal("status", record(child, STATUS), 0)?;
    equal("its id", page_alloc(child, test_page(3), WRITE), BAD_ENV)
}

/// A child that makes a child of its own, reports its id (word 0), and waits for a message; that
/// child counts (word 1).
fn family() -> Result<(u32, u32), conformance::claims::Seen> {
    write_board(1, 0);
    let parent = child(|| {
        let grandchild = child(|| {
            loop {
                write_board(1, read_board(1) + 1);
                sys_yield();
            }
        })?;
        write_board(0, grandchild);
        equal("receive", ipc_recv(UTOP), 0)
    })?;
    until_receiving(parent)?;
    Ok((parent, read_board(0)))
}

/// In JOS no process could ever end it any more. Here the parent's parent may.
fn a_grandchild_is_nobodys_until_its_parent_is_dead() -> Outcome {
    let (parent, grandchild) = family()?;
    equal("its parent", field(grandchild, PARENT), Some(parent))?;
    equal("while the parent lives", env_destroy(grandchild), BAD_ENV)?;
    equal("the parent goes on", ipc_try_send(parent, 0, UTOP, 0), 0)?;
    ends_well(parent)?;
    equal("its parent", field(grandchild, PARENT), Some(getenvid()))?;
    equal("ended", env_destroy(grandchild), 0)?;
    equal("gone", is_gone(grandchild), true)
}

fn an_orphan_lives_on() -> Outcome {
    let (parent, grandchild) = family()?;
    equal("its parent is ended", env_destroy(parent), 0)?;
    let count = read_board(1);
    until("it counts", || read_board(1) > count + 10)?;
    end(grandchild)
}

fn a_sender_finds_nobody_when_the_receiver_is_dead() -> Outcome {
    let receiver = child(|| {
        equal("receive", ipc_recv(UTOP), 0)?;
        load(test_page(700));
        Ok(())
    })?;
    until_receiving(receiver)?;
    equal("send", ipc_try_send(receiver, 0, UTOP, 0), 0)?;
    is_killed(receiver)?;
    equal("send again", ipc_try_send(receiver, 0, UTOP, 0), BAD_ENV)
}
