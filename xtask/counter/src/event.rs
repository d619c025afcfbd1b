//! What is counted, and which instructions count for it.

/// Something that takes a processor longer than an ordinary instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A software interrupt.
    Int,
    /// SYSENTER.
    Sysenter,
    /// An entry into the kernel by a page fault: its handler's first instruction.
    Fault,
    /// A return from a trap.
    Iret,
    /// SYSEXIT.
    Sysexit,
    /// INVLPG.
    Invlpg,
    /// A load of CR3.
    Cr3,
    /// The FPU's state is stored: FXSAVE and its kin.
    FpuSave,
    /// The FPU's state is loaded: FXRSTOR and its kin.
    FpuLoad,
    /// A load of ds or of es.
    DsEs,
    /// A load of fs or of gs.
    FsGs,
    /// A locked read and write of memory; XCHG with memory is one without saying so.
    Locked,
    /// One iteration of a `rep` instruction, as QEMU's clock counts it; the last, which finds ecx
    /// to be 0, among them.
    RepTurn,
    /// A byte that a `rep` instruction stored.
    RepByte,
    /// An access to a port or a model-specific register, a load of another control register or a
    /// descriptor table, CPUID, HLT: none of them has a weight, so no measured operation should
    /// have one.
    Other,
}

impl Event {
    /// All of them, each at its number.
    pub const ALL: [Self; 15] = [
        Self::Int,
        Self::Sysenter,
        Self::Fault,
        Self::Iret,
        Self::Sysexit,
        Self::Invlpg,
        Self::Cr3,
        Self::FpuSave,
        Self::FpuLoad,
        Self::DsEs,
        Self::FsGs,
        Self::Locked,
        Self::RepTurn,
        Self::RepByte,
        Self::Other,
    ];

    /// Its name in the lines of the output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Sysenter => "sysenter",
            Self::Fault => "fault",
            Self::Iret => "iret",
            Self::Sysexit => "sysexit",
            Self::Invlpg => "invlpg",
            Self::Cr3 => "cr3",
            Self::FpuSave => "fpu_save",
            Self::FpuLoad => "fpu_load",
            Self::DsEs => "ds_es",
            Self::FsGs => "fs_gs",
            Self::Locked => "locked",
            Self::RepTurn => "rep_turn",
            Self::RepByte => "rep_byte",
            Self::Other => "other",
        }
    }

    /// What the execution of an instruction counts for, by its text in AT&T's syntax, as QEMU
    /// disassembles it. `None`: an ordinary instruction.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let (mnemonic, operands) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        match mnemonic {
            "lock" => Some(Self::Locked),
            "rep" | "repe" | "repz" | "repne" | "repnz" => Some(Self::RepTurn),
            "int" | "int3" | "into" => Some(Self::Int),
            "sysenter" => Some(Self::Sysenter),
            "sysexit" | "sysexitl" => Some(Self::Sysexit),
            "iret" | "iretl" | "iretw" | "iretd" => Some(Self::Iret),
            "invlpg" => Some(Self::Invlpg),
            "fxsave" | "fsave" | "fnsave" => Some(Self::FpuSave),
            "fxrstor" | "frstor" => Some(Self::FpuLoad),
            "xchgb" | "xchgw" | "xchgl" if has_memory(operands) => Some(Self::Locked),
            "mov" | "movw" | "movl" | "pop" | "popw" | "popl" => Self::of_load(operands),
            "inb" | "inw" | "inl" | "outb" | "outw" | "outl" | "insb" | "insw" | "insl"
            | "outsb" | "outsw" | "outsl" | "rdmsr" | "wrmsr" | "cpuid" | "hlt" | "clts"
            | "lmsw" | "ltr" | "lldt" | "lgdt" | "lgdtl" | "lgdtw" | "lidt" | "lidtl" | "lidtw"
            | "invd" | "wbinvd" => Some(Self::Other),
            _ => None,
        }
    }

    /// What a load counts for, by its destination: the last operand.
    fn of_load(operands: &str) -> Option<Self> {
        match operands.rsplit(", ").next()? {
            "%cr3" => Some(Self::Cr3),
            "%ds" | "%es" => Some(Self::DsEs),
            "%fs" | "%gs" => Some(Self::FsGs),
            "%cr0" | "%cr4" => Some(Self::Other),
            _ => None,
        }
    }
}

/// Whether one of two operands lies in memory: it is an address, and no register.
fn has_memory(operands: &str) -> bool {
    operands.contains('(') || operands.split(", ").any(|operand| !operand.starts_with('%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_counts_for_what_it_does() {
        let table = [
            ("int $0x30", Some(Event::Int)),
            ("sysenter ", Some(Event::Sysenter)),
            ("sysexitl", Some(Event::Sysexit)),
            ("iretl ", Some(Event::Iret)),
            ("invlpg (%eax)", Some(Event::Invlpg)),
            ("movl %eax, %cr3", Some(Event::Cr3)),
            ("fxsave (%eax)", Some(Event::FpuSave)),
            ("fxrstor 0x40(%ecx)", Some(Event::FpuLoad)),
            ("movl %ecx, %es", Some(Event::DsEs)),
            ("popl %ds", Some(Event::DsEs)),
            ("movw 0x1d2(%eax), %gs", Some(Event::FsGs)),
            ("lock cmpxchgl %ecx, 0x804010", Some(Event::Locked)),
            ("xchgb %al, 0x81b000", Some(Event::Locked)),
            ("xchgl %eax, (%esp)", Some(Event::Locked)),
            ("rep stosl %eax, %es:(%edi)", Some(Event::RepTurn)),
            ("outb %al, %dx", Some(Event::Other)),
            ("movl %eax, %cr0", Some(Event::Other)),
        ];
        for (text, event) in table {
            assert_eq!(Event::of(text), event, "{text}");
        }
    }

    #[test]
    fn what_only_looks_alike_counts_for_nothing() {
        for text in [
            "movl %cr3, %eax",
            "movl %cr2, %ebx",
            "movl %ds, %eax",
            "pushl %ds",
            "xchgl %esi, %edi",
            "incl 0xf023b04c",
            "movsl (%esi), %es:(%edi)",
            "movl %eax, %ds:(%ebx)",
            "cmpxchgl %ecx, 0x804010",
            "nop ",
            "",
        ] {
            assert_eq!(Event::of(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_events_number_is_its_place() {
        for (number, event) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, number, "{}", event.name());
        }
    }
}
