use std::collections::BTreeMap;
use vitrine_model::run::{action::Action, draw, episode::plan, machine::Machine, random::Random};
fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let n: u64 = std::env::args().nth(1).map_or(40, |t| t.parse().unwrap());
    let mut stats: BTreeMap<String, u32> = BTreeMap::new();
    let mut steps_made = 0;
    for number in 0..n {
        let (free, steps) = plan(7, number);
        let mut m = Machine::new(free);
        let mut idle = 0;
        for step in steps {
            let action = draw::action(&m.model, &mut Random::new(step));
            let me = m.model.current;
            steps_made += 1;
            if let Err(e) = m.step(action) { println!("{e}"); break; }
            let key = match action {
                Action::Call(_) | Action::Again => {
                    let me = me.unwrap();
                    let p = &m.model.procs[me];
                    let number = m.model.calling;
                    let eax = p.regs.eax;
                    let res = if !matches!(p.doing, vitrine_model::reference::state::Doing::Ready) { format!("{:?}", p.doing).split('(').next().unwrap().to_string() }
                      else if p.regs.eip == 0x800040 { "again".into() } else if p.regs.eip == 0x800080 { "handler".into() } else if (eax as i32) < 0 && eax as i32 > -50 { format!("error {}", -(eax as i32)) } else { "ok".into() };
                    format!("{number:>3} {res}")
                }
                other => format!("{other:?}").split('(').next().unwrap().to_string(),
            };
            *stats.entry(key).or_default() += 1;
            idle = if m.model.current.is_some() { 0 } else { idle + 1 };
            if m.is_off || idle > 40 { break; }
        }
    }
    println!("{steps_made} steps");
    for (k, v) in stats { println!("{v:>8} {k}"); }
}
