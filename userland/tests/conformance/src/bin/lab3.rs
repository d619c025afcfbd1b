//! `lab3`: a program that ends in the way that a letter on the console names, as the programs of
//! lab 3 end one after another. Has to be the only first process. The test checks what the console
//! shows of its end.
#![no_std]
#![no_main]

use abi::Syscall;
use conformance::calls::{cgetc, cputs, env_destroy, getenvid};
use conformance::code::execute;
use conformance::native::native;
use conformance::print::print;
use conformance::start::take_memory;
use support::memory::{load, store};

#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn conformance_main() {
    take_memory();
    print(format_args!("how? "));
    let letter = loop {
        let letter = cgetc();
        if letter != 0 {
            break letter as u8;
        }
    };
    print(format_args!("\n"));
    match letter {
        b'd' => code(&[0x31, 0xC9, 0xF7, 0xF1]), // xor ecx, ecx; div ecx
        b's' => code(&[0xCD, 0x0E]),             // int 14
        b'b' => code(&[0xB8, 0x28, 0, 0, 0, 0x8E, 0xD8]), // mov eax, 0x28; mov ds, eax
        b'k' => code(&[0xCC]),                   // int3
        b'r' => drop(load(0)),
        b'R' => drop(load(0xF010_0000)),
        b'w' => store(0, 0),
        b'W' => store(0xF010_0000, 0),
        b'u' => drop(cputs(1, 1)),
        b'e' => drop(cputs(0xF010_000C, 100)),
        b'g' => print(format_args!("i am environment {:08x}\n", getenvid())),
        b'x' => drop(native(Syscall::Exit { status: 1 })),
        other => print(format_args!("no such end: {other}\n")),
    }
    if letter != b'g' {
        print(format_args!("still here\n"));
    }
    env_destroy(0);
}

fn code(bytes: &[u8]) {
    execute(bytes, 0);
}
