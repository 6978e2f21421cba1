//! The fault plan.

mod target;
mod when;

use super::Check;
use crate::kernel::time::{Span, Time};
use crate::scenario::file::{At, Duration, FaultFile};
use crate::scenario::model::{Cluster, Fault, FaultKind, Target, When};
use crate::scenario::near;

use target::target;
use when::when;

pub use target::zookeeper_server;

pub fn resolve(
    files: &[At<FaultFile>],
    cluster: &Cluster,
    duration: Span,
    check: &mut Check,
) -> Vec<Fault> {
    let mut faults: Vec<(Fault, At<String>)> = Vec::new();
    for file in files {
        let before = check.problems.len();
        let fault = fault(file, cluster, duration, check);
        if let (Some((fault, name)), true) = (fault, check.problems.len() == before) {
            faults.push((fault, name));
        }
    }
    for (fault, name) in &faults {
        starts_something(fault, name, &faults, cluster, check);
    }
    faults.into_iter().map(|(fault, _)| fault).collect()
}

/// A start needs a process that is not running by then.
fn starts_something(
    fault: &Fault,
    name: &At<String>,
    all: &[(Fault, At<String>)],
    cluster: &Cluster,
    check: &mut Check,
) {
    let spare = matches!(fault.target, Target::TaskManager(index) if cluster.taskmanagers.get(index).is_some_and(|tm| !tm.starts));
    if fault.kind != FaultKind::Start || spare {
        return;
    }
    let latest = bounds(fault.at).1;
    let killed = all.iter().any(|(other, _)| {
        other.kind == FaultKind::Kill
            && other.target == fault.target
            && bounds(other.at).0 <= latest
    });
    if !killed {
        let running = format!(
            "`{}` is running by then: no fault kills it before; kill it first, or make it a spare with `starts: false`",
            name.value
        );
        check.refuse(name.place, running);
    }
}

fn bounds(at: When) -> (Time, Time) {
    match at {
        When::At(time) => (time, time),
        When::Between(from, to) => (from, to),
    }
}

fn fault(
    file: &At<FaultFile>,
    cluster: &Cluster,
    duration: Span,
    check: &mut Check,
) -> Option<(Fault, At<String>)> {
    let f = &file.value;
    let verbs = [
        ("kill", &f.kill),
        ("start", &f.start),
        ("restart", &f.restart),
        ("replace", &f.replace),
        ("hang", &f.hang),
        ("cut-off", &f.cut_off),
        ("slow", &f.slow),
    ];
    let mut given = verbs
        .iter()
        .filter_map(|(verb, target)| target.as_ref().map(|target| (*verb, target)));
    let Some((verb, name)) = given.next() else {
        check.refuse(file.place, "a fault names what happens to whom: `kill`, `start`, `restart`, `replace`, `hang`, `cut-off` or `slow`, like `kill: tm-3`");
        return None;
    };
    if let Some((other, name)) = given.next() {
        check.refuse(
            name.place,
            format!("a fault is one thing: this is `{verb}` and `{other}`; write two faults"),
        );
    }
    parts(f, verb, name, check);
    let at = when(&f.at, duration, check)?;
    let mut target = target(name, cluster, check)?;
    let mut named = name;
    if matches!(target, Target::ZooKeeper(_)) && verb != "kill" {
        check.refuse(
            name.place,
            format!("a ZooKeeper server can only be killed, not `{verb}`"),
        );
    }
    if verb == "replace" {
        // The one that comes, not the one that is gone.
        let with = f.with.as_ref()?;
        target = self::target::target(with, cluster, check)?;
        named = with;
    }
    let lasts = f
        .r#for
        .as_ref()
        .or(f.restart_after.as_ref())
        .map(|at| at.value.0);
    let factor = f.factor.as_ref().map_or(1_000, |at| at.value.0);
    let kind = match verb {
        "kill" => FaultKind::Kill,
        "hang" => FaultKind::Hang,
        "cut-off" => FaultKind::CutOff,
        "slow" => FaultKind::Slow {
            factor_per_mille: u32::try_from(factor).unwrap_or(u32::MAX),
        },
        _ => FaultKind::Start,
    };
    Some((
        Fault {
            kind,
            target,
            at,
            lasts,
        },
        named.clone(),
    ))
}

/// Which further keys go with which kind of fault.
fn parts(f: &FaultFile, verb: &str, name: &At<String>, check: &mut Check) {
    let place = |at: &Option<At<Duration>>| at.as_ref().map(|at| at.place);
    let allowed = [
        ("for", place(&f.r#for), &["hang", "cut-off", "slow"][..]),
        ("restart-after", place(&f.restart_after), &["kill"][..]),
        (
            "factor",
            f.factor.as_ref().map(|at| at.place),
            &["slow"][..],
        ),
        ("with", f.with.as_ref().map(|at| at.place), &["replace"][..]),
    ];
    for (key, place, verbs) in allowed {
        if let (Some(place), false) = (place, verbs.contains(&verb)) {
            check.refuse(
                place,
                format!(
                    "`{key}` does not go with `{verb}`; it goes with {}",
                    near::quoted(verbs)
                ),
            );
        }
    }
    match verb {
        "hang" | "cut-off" if f.r#for.is_none() => check.refuse(
            name.place,
            format!("`{verb}` needs to say for how long, like `for: 20 s`"),
        ),
        "replace" if f.with.is_none() => check.refuse(
            name.place,
            "`replace` needs the spare that comes, like `with: tm-6`",
        ),
        "slow" => match &f.factor {
            None => check.refuse(
                name.place,
                "`slow` needs a factor by which CPU is divided, like `factor: 4`",
            ),
            Some(at) if !(1_000..=1_000_000).contains(&at.value.0) => {
                check.refuse(
                    at.place,
                    "CPU is divided by this factor; it can be 1 to 1000",
                );
            }
            Some(_) => {}
        },
        _ => {}
    }
    if let (Some(at), true) = (&f.restart_after, name.value.starts_with("zk-")) {
        check.refuse(at.place, "a ZooKeeper server that is killed stays away");
    }
}
