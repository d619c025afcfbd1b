//! What differs between the emulators, and why: the one list of claims that do not hold on each of
//! them.
//!
//! A claim that is listed for an emulator *must* fail there, and its failure must show what the
//! list says. So a row whose difference is gone fails the run, as an unlisted difference does.
//! `docs/machines.md` has the same table.

use libtest_mimic::Failed;
use xtask::emulators::EmulatorKind::{self, Bochs, V86};

/// A claim that does not hold on one emulator.
pub struct Difference {
    /// The emulator.
    pub on: EmulatorKind,
    /// The claim's name.
    pub claim: &'static str,
    /// Part of what its failure shows there.
    pub shows: &'static str,
    /// Why it is so.
    pub reason: &'static str,
}

const fn row(
    on: EmulatorKind,
    claim: &'static str,
    shows: &'static str,
    reason: &'static str,
) -> Difference {
    Difference { on, claim, shows, reason }
}

/// Every difference.
pub const DIFFERENCES: &[Difference] = &[
    row(
        V86,
        "checks::a_trap_flag_does_not_reach_the_kernel",
        HANGS,
        "v86 ignores the trap flag: a program that sets it is not stepped, so it does not end",
    ),
    row(V86, "checks::software_interrupts_are_refused", UNIMPLEMENTED, SOFTWARE_INTERRUPT),
    row(
        V86,
        "checks::kernel_selectors_are_refused",
        HANGS,
        "v86 raises no exception for a far jump to a task state segment, so no program ends",
    ),
    row(
        V86,
        "checks::flags_by_iretd_bring_no_right",
        "ended with Killed 141, not Killed 129",
        "v86 ignores the trap flag, also when `iretd` sets it",
    ),
    row(
        V86,
        "checks::a_driver_maps_device_memory_and_no_ram",
        "the first instruction: found 0xff, expected 0xea",
        "v86 boots without a BIOS, so there is no ROM at its address",
    ),
    row(V86, "conformance::the_dead_leave_joss_lines", UNIMPLEMENTED, SOFTWARE_INTERRUPT),
    row(
        V86,
        "conformance::a_file_server_has_the_ports_and_others_have_none",
        "v86 has no second IDE drive here",
        NO_DRIVE,
    ),
    row(V86, "programs::faults_end_as_they_should", UNIMPLEMENTED, SOFTWARE_INTERRUPT),
    row(V86, "programs::a_bad_access_is_traced_to_its_function", UNIMPLEMENTED, SOFTWARE_INTERRUPT),
    row(
        Bochs,
        "conformance::a_file_server_has_the_ports_and_others_have_none",
        "bochs has no second IDE drive here",
        NO_DRIVE,
    ),
];

/// What v86 says about a software interrupt that it cannot refuse.
const UNIMPLEMENTED: &str = "v86 itself failed: Unimplemented: #GP handler";
const SOFTWARE_INTERRUPT: &str =
    "v86 panics at a software interrupt beyond the interrupt table (copy/v86#1552)";

const NO_DRIVE: &str = "only QEMU is given a drive: the tests need no other emulator's";

/// What the failure of a claim shows that never comes to an end.
pub const HANGS: &str = "time ran out";

/// The list's row for this claim on this emulator.
pub fn listed(on: EmulatorKind, claim: &str) -> Option<&'static Difference> {
    DIFFERENCES.iter().find(|row| row.on == on && row.claim == claim)
}

/// What a claim comes to on an emulator for which a difference may be listed.
pub fn judge(listed: Option<&Difference>, result: Result<(), Failed>) -> Result<(), Failed> {
    let Some(row) = listed else { return result };
    match result {
        Ok(()) => Err(format!(
            "the claim holds on {} now: take its row out of differences.rs and docs/machines.md",
            row.on.name()
        )
        .into()),
        Err(failure) if shows(&failure, row.shows) => Ok(()),
        Err(failure) => Err(format!(
            "another difference than the one that is listed, which shows `{}` ({}):\n{}",
            row.shows,
            row.reason,
            failure.message().unwrap_or_default()
        )
        .into()),
    }
}

fn shows(failure: &Failed, text: &str) -> bool {
    failure.message().is_some_and(|message| message.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xtask::workspace::Workspace;

    const ROW: Difference = row(Bochs, "a::claim", "other flags", "a reason");

    #[test]
    fn a_listed_difference_must_be_there_and_no_other() {
        let failed = |text: &str| Err(Failed::from(text));
        assert!(judge(None, Ok(())).is_ok());
        assert!(judge(None, failed("other flags")).is_err());
        assert!(judge(Some(&ROW), failed("it has other flags")).is_ok());
        assert!(judge(Some(&ROW), failed("it hangs")).is_err());
        assert!(judge(Some(&ROW), Ok(())).is_err());
    }

    #[test]
    fn each_claim_is_listed_once_for_an_emulator() {
        for (index, row) in DIFFERENCES.iter().enumerate() {
            let rest = &DIFFERENCES[index + 1..];
            let again = rest.iter().any(|other| (other.on, other.claim) == (row.on, row.claim));
            assert!(!again, "{} on {}", row.claim, row.on.name());
        }
    }

    /// The rows of the page, in the order of the list.
    #[test]
    fn the_page_has_the_same_table() {
        let page = Workspace::locate().root().join("docs/machines.md");
        let page = std::fs::read_to_string(page).unwrap();
        let is_row = |line: &&str| line.starts_with('|') && line.contains("::");
        let rows: Vec<_> = page.lines().filter(is_row).collect();
        let listed: Vec<_> = DIFFERENCES
            .iter()
            .map(|row| format!("| {} | `{}` | {} |", row.on.name(), row.claim, row.reason))
            .collect();
        assert_eq!(rows, listed, "the table of docs/machines.md, and that of differences.rs");
    }
}
