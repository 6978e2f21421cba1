//! The profile: built-in, from a file, or inline; each changes a base.

use std::sync::LazyLock;

use super::Check;
use crate::actor::settings::ProcessStartup;
use crate::kernel::Distribution;
use crate::kernel::distribution::Quantity;
use crate::kernel::time::Span;
use crate::scenario::error::Place;
use crate::scenario::file::{self, At, Drawn, Either, ProfileFile, Unit};
use crate::scenario::model::Profile;
use crate::scenario::{Beside, near, tree, units};

/// The profiles that come with Firedrill, as they are in `profiles/`.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("default", include_str!("../../../profiles/default.yaml")),
    ("lab", include_str!("../../../profiles/lab.yaml")),
];

pub fn resolve(
    chosen: Option<&At<Either<ProfileFile>>>,
    beside: &Beside<'_>,
    check: &mut Check,
) -> Profile {
    match chosen.map(|at| (&at.value, at.place)) {
        None => built_in("default"),
        Some((Either::Word(word), place)) if is_path(word) => from_file(word, place, beside, check),
        Some((Either::Word(word), place)) => by_name(word, place, check),
        Some((Either::Map(map), _)) => changed(map, check),
    }
}

/// Names of profiles hold neither.
fn is_path(word: &str) -> bool {
    word.contains(['/', '\\']) || word.ends_with(".yaml") || word.ends_with(".yml")
}

fn by_name(name: &str, place: Place, check: &mut Check) -> Profile {
    let names = BUILT_IN.iter().map(|(name, _)| *name);
    if names.clone().any(|known| known == name) {
        return built_in(name);
    }
    let hint = near::hint(name, names);
    let message = format!(
        "unknown profile `{}`{hint}; a file is named by its path, like `./{}.yaml`",
        units::short(name),
        units::short(name)
    );
    check.refuse(place, message);
    built_in("default")
}

fn from_file(path: &str, place: Place, beside: &Beside<'_>, check: &mut Check) -> Profile {
    let from_argument = matches!(place, Place::Argument(_));
    let document = match (beside.read)(path, from_argument) {
        Ok(document) => document,
        Err(message) => {
            check.refuse(place, message);
            return built_in("default");
        }
    };
    let Some((number, text)) = check.document(&document) else {
        return built_in("default");
    };
    let read = tree::parse(&text)
        .map_err(|problem| vec![problem])
        .and_then(|tree| file::read::<ProfileFile>(&tree.beside(number)));
    match read {
        Ok(map) => changed(&map, check),
        Err(problems) => {
            for problem in problems {
                check.refuse(problem.place.beside(number), problem.message);
            }
            built_in("default")
        }
    }
}

/// A base with some of its distributions replaced.
fn changed(map: &ProfileFile, check: &mut Check) -> Profile {
    let mut profile = match &map.base {
        Some(at) => by_name(&at.value, at.place, check),
        None => built_in("default"),
    };
    profile.name = match &map.name {
        Some(name) => {
            check.name(name, "the profile");
            name.value.clone()
        }
        None => "custom".to_owned(),
    };
    overlay(&mut profile, map);
    profile
}

/// Those of [`BUILT_IN`], read once: each variant of a scenario begins with one.
static MADE: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    BUILT_IN
        .iter()
        .map(|(name, text)| made(name, text))
        .collect()
});

/// One of [`BUILT_IN`].
fn built_in(name: &str) -> Profile {
    let found = MADE.iter().find(|profile| profile.name == name);
    found.expect("only names of the list are asked for").clone()
}

fn made(name: &str, text: &str) -> Profile {
    let tree = tree::parse(text).ok();
    let map: Option<ProfileFile> = tree.and_then(|tree| file::read(&tree).ok());
    let map = map.expect("a test reads every profile that is built in");
    let mut profile = Profile::constant(name, Distribution::constant(Span::ZERO));
    overlay(&mut profile, &map);
    profile
}

fn put<U: Unit>(into: &mut Distribution<U::Of>, from: Option<Drawn<U>>)
where
    U::Of: Quantity,
{
    if let Some(Drawn(distribution)) = from {
        *into = distribution;
    }
}

fn overlay(profile: &mut Profile, map: &ProfileFile) {
    put(&mut profile.host_speed_per_mille, map.host_speed);
    let ProcessStartup {
        jobmanager,
        taskmanager,
        zookeeper,
    } = &mut profile.process_startup;
    for (role, own) in [
        (jobmanager, map.jobmanager_startup),
        (taskmanager, map.taskmanager_startup),
        (zookeeper, map.zookeeper_startup),
    ] {
        put(role, own.or(map.process_startup));
    }
    put(&mut profile.process_teardown, map.process_teardown);
    put(&mut profile.connection_notice, map.connection_notice);
    put(&mut profile.rpc_handling, map.rpc_handling);
    put(&mut profile.heartbeat_handling, map.heartbeat_handling);
    put(
        &mut profile.leader_services_startup,
        map.leader_services_startup,
    );
    put(
        &mut profile.first_leader_services_startup,
        map.first_leader_services_startup,
    );
    put(&mut profile.job_submission, map.job_submission);
    put(&mut profile.job_recovery, map.job_recovery);
    put(&mut profile.jobmaster_startup, map.jobmaster_startup);
    put(
        &mut profile.first_jobmaster_startup,
        map.first_jobmaster_startup,
    );
    put(
        &mut profile.first_jobmaster_deployment,
        map.first_jobmaster_deployment,
    );
    put(&mut profile.slot_allocation, map.slot_allocation);
    put(&mut profile.slot_offer, map.slot_offer);
    put(&mut profile.failover_handling, map.failover_handling);
    put(&mut profile.restart_handling, map.restart_handling);
    put(&mut profile.checkpoint_trigger, map.checkpoint_trigger);
    put(&mut profile.scheduling, map.scheduling);
    put(&mut profile.task_deployment, map.task_deployment);
    put(&mut profile.task_deployment_cpu, map.task_deployment_cpu);
    put(
        &mut profile.first_task_deployment_cpu,
        map.first_task_deployment_cpu,
    );
    put(&mut profile.task_initialization, map.task_initialization);
    put(
        &mut profile.task_initialization_cpu,
        map.task_initialization_cpu,
    );
    put(
        &mut profile.first_task_initialization_cpu,
        map.first_task_initialization_cpu,
    );
    put(&mut profile.task_failure, map.task_failure);
    put(&mut profile.task_cancellation, map.task_cancellation);
    put(&mut profile.restore_read_bytes_per_s, map.restore_read);
    put(
        &mut profile.restore_rocksdb_bytes_per_s,
        map.restore_rocksdb,
    );
    put(
        &mut profile.checkpoint_write_bytes_per_s,
        map.checkpoint_write,
    );
    put(&mut profile.checkpoint_cpu, map.checkpoint_cpu);
    put(
        &mut profile.checkpoint_serialize_bytes_per_s,
        map.checkpoint_serialize,
    );
    put(&mut profile.checkpoint_sync, map.checkpoint_sync);
    put(
        &mut profile.checkpoint_finalization,
        map.checkpoint_finalization,
    );
    put(&mut profile.planning, map.planning);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key, so that a profile that is built in says all.
    const KEYS: usize = 37;

    #[test]
    fn the_built_in_profiles_are_whole() {
        for (name, text) in BUILT_IN {
            let tree = tree::parse(text).unwrap_or_else(|problem| panic!("{name}: {problem:?}"));
            let map: ProfileFile =
                file::read(&tree).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
            assert_eq!(map.name.as_ref().map(|at| at.value.as_str()), Some(*name));
            assert!(map.base.is_none());
            let serde_json::Value::Object(keys) = serde_json::to_value(&map).unwrap() else {
                panic!("a profile is a map");
            };
            let distributions = keys.len() - 1;
            assert_eq!(distributions, KEYS, "{name}: {:?}", keys.keys());
            assert_eq!(built_in(name).name, *name);
        }
    }
}
