//! Which faults there are, and which further keys go with which of them.

use super::links::LinksFile;
use crate::scenario::error::Place;
use crate::scenario::file::{At, FaultFile};
use crate::scenario::near;
use crate::scenario::resolve::Check;

/// All verbs.
pub const ALL: &[&str] = &[
    "kill",
    "stop",
    "start",
    "restart",
    "replace",
    "hang",
    "resume",
    "power-off",
    "cut-off",
    "cut",
    "slow-link",
    "lossy-link",
    "reset-connections",
    "slow",
    "take-cpu",
    "expire-session",
    "slow-storage",
    "fail-storage",
    "lose-storage",
    "lose-notifications",
    "delay-notifications",
    "double-notifications",
    "throw",
    "stuck-cancel",
    "rolling-restart",
    "savepoint-and-restart",
    "drop-checkpoint",
    "add-partitions",
    "silence",
];

/// What a verb stands before.
#[derive(Clone, Copy)]
pub enum Object<'a> {
    Name(&'a At<String>),
    Links(LinksFile<'a>),
}

impl Object<'_> {
    pub fn place(&self) -> Place {
        match self {
            Object::Name(name) => name.place,
            Object::Links(links) => links.place(),
        }
    }
}

/// The verbs of a fault, of which there should be one.
pub fn given(f: &FaultFile) -> Vec<(&'static str, Object<'_>)> {
    let names = [
        ("kill", &f.kill),
        ("stop", &f.stop),
        ("start", &f.start),
        ("restart", &f.restart),
        ("replace", &f.replace),
        ("hang", &f.hang),
        ("resume", &f.resume),
        ("power-off", &f.power_off),
        ("cut-off", &f.cut_off),
        ("slow", &f.slow),
        ("take-cpu", &f.take_cpu),
        ("expire-session", &f.expire_session),
        ("slow-storage", &f.slow_storage),
        ("fail-storage", &f.fail_storage),
        ("lose-storage", &f.lose_storage),
        ("lose-notifications", &f.lose_notifications),
        ("delay-notifications", &f.delay_notifications),
        ("double-notifications", &f.double_notifications),
        ("throw", &f.throw),
        ("stuck-cancel", &f.stuck_cancel),
        ("rolling-restart", &f.rolling_restart),
        ("savepoint-and-restart", &f.savepoint_and_restart),
        ("drop-checkpoint", &f.drop_checkpoint),
        ("add-partitions", &f.add_partitions),
        ("silence", &f.silence),
    ];
    let names = names
        .into_iter()
        .filter_map(|(verb, name)| Some((verb, Object::Name(name.as_ref()?))));
    let links = [
        ("cut", f.cut.as_ref().map(LinksFile::Cut)),
        ("slow-link", f.slow_link.as_ref().map(LinksFile::Slow)),
        ("lossy-link", f.lossy_link.as_ref().map(LinksFile::Lossy)),
        (
            "reset-connections",
            f.reset_connections.as_ref().map(LinksFile::Reset),
        ),
    ];
    let links = links
        .into_iter()
        .filter_map(|(verb, links)| Some((verb, Object::Links(links?))));
    names.chain(links).collect()
}

/// Which further keys go with which kind of fault.
pub fn parts(f: &FaultFile, verb: &str, named: Place, check: &mut Check) {
    fn place<T>(at: &Option<At<T>>) -> Option<Place> {
        at.as_ref().map(|at| at.place)
    }
    let lasting = &[
        "hang",
        "cut-off",
        "cut",
        "slow-link",
        "lossy-link",
        "slow",
        "take-cpu",
        "slow-storage",
        "fail-storage",
        "lose-storage",
        "stuck-cancel",
        "lose-notifications",
        "delay-notifications",
        "double-notifications",
        "silence",
    ][..];
    let allowed = [
        ("for", place(&f.r#for), lasting),
        (
            "restart-after",
            place(&f.restart_after),
            &["kill", "stop", "power-off"][..],
        ),
        ("factor", place(&f.factor), &["slow", "slow-storage"][..]),
        ("cores", place(&f.cores), &["take-cpu"][..]),
        ("by", place(&f.by), &["delay-notifications"][..]),
        ("pause", place(&f.pause), &["rolling-restart"][..]),
        ("with", place(&f.with), &["replace"][..]),
        ("count", place(&f.count), &["add-partitions"][..]),
        ("partition", place(&f.partition), &["silence"][..]),
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
        "cut-off" | "cut" | "lose-storage" if f.r#for.is_none() => check.refuse(
            named,
            format!("`{verb}` needs to say for how long, like `for: 20 s`"),
        ),
        "delay-notifications" if f.by.is_none() => check.refuse(
            named,
            "`delay-notifications` needs to say by how much, like `by: 5 s`",
        ),
        "add-partitions" if f.count.is_none() => check.refuse(
            named,
            "`add-partitions` needs to say how many more there are, like `count: 2`",
        ),
        "silence" if f.partition.is_none() => check.refuse(
            named,
            "`silence` needs the number of a partition, like `partition: 0`",
        ),
        "replace" if f.with.is_none() => check.refuse(
            named,
            "`replace` needs the spare that comes, like `with: tm-6`",
        ),
        "take-cpu" if f.cores.is_none() => check.refuse(
            named,
            "`take-cpu` needs to say how much goes to other work, like `cores: 1.5`",
        ),
        "slow" => match &f.factor {
            None => check.refuse(
                named,
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
        "slow-storage" => match &f.factor {
            None => check.refuse(
                named,
                "`slow-storage` needs a factor by which it is slower, like `factor: 10`",
            ),
            Some(at) if !(1_000..=1_000_000).contains(&at.value.0) => {
                check.refuse(
                    at.place,
                    "storage is slower by this factor; it can be 1 to 1000",
                );
            }
            Some(_) => {}
        },
        _ => {}
    }
}
