//! An episode: a machine from its boot on, so many steps long or until it is off.

use std::panic::{self, AssertUnwindSafe};

use super::action::Action;
use super::draw;
use super::machine::Machine;
use super::random::Random;

/// Most steps of an episode.
pub const LENGTH: u32 = 4000;
/// Idle steps after which an episode ends: nobody will run again.
const PATIENCE: u32 = 16;

/// What is drawn for a step: a seed of its own, so that a step stays when others are left out.
pub type Step = u64;

/// How an episode went.
pub struct Outcome {
    /// Steps that were made.
    pub steps: u32,
    /// What went wrong in the last of them.
    pub failure: Option<String>,
    /// What happened, if that was asked for.
    pub actions: Vec<Action>,
}

/// The steps of episode `number` of a seed, and how many frames are free in it.
#[must_use]
pub fn plan(seed: u64, number: u64) -> (u32, Vec<Step>) {
    let mut random = Random::new(seed ^ number.wrapping_mul(0xA076_1D64_78BD_642F));
    let free = random.of(&[8, 12, 16, 20, 24, 30, 40, 60, 600]);
    (free, (0..LENGTH).map(|_| random.next()).collect())
}

/// Makes these steps.
#[must_use]
pub fn run(free: u32, steps: &[Step], tells: bool) -> Outcome {
    let mut outcome = Outcome { steps: 0, failure: None, actions: Vec::new() };
    let made = panic::catch_unwind(AssertUnwindSafe(|| make(free, steps, tells, &mut outcome)));
    match made {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => outcome.failure = Some(failure),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("no words");
            outcome.failure = Some(format!("panic: {text}"));
        }
    }
    outcome
}

fn make(free: u32, steps: &[Step], tells: bool, outcome: &mut Outcome) -> Result<(), String> {
    let mut machine = Machine::new(free);
    let mut idle = 0;
    for step in steps {
        let action = draw::action(&machine.model, &mut Random::new(*step));
        outcome.steps += 1;
        if tells {
            outcome.actions.push(action.clone());
        }
        machine.step(action)?;
        idle = if machine.model.current.is_some() { 0 } else { idle + 1 };
        if machine.is_off || idle > PATIENCE {
            break;
        }
    }
    Ok(())
}
