//! `/taskmanagers`: slots, cores, and who lives on one machine.

use std::collections::BTreeMap;

use super::answer::Answer;
use crate::scenario::error::Problem;
use crate::scenario::resolve::MAX_SLOTS;

#[derive(Debug)]
pub struct TaskManager {
    pub id: String,
    pub slots: u32,
    /// Cores that its JVM sees, or has been given; none: not said.
    pub cores: Option<f64>,
    pub process_memory: Option<f64>,
    /// The address in its `path`: processes with one address share a machine.
    pub address: String,
}

/// By id, so that the order in which they registered does not show.
pub fn read(answer: Answer<'_>) -> Result<Vec<TaskManager>, Problem> {
    let list = answer.get("taskmanagers", "the answer of /taskmanagers")?;
    let mut all = list
        .list()?
        .map(taskmanager)
        .collect::<Result<Vec<_>, Problem>>()?;
    if all.is_empty() {
        return Err(list.refuse("no TaskManager is registered; nothing can be lost"));
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(all)
}

fn taskmanager(answer: Answer<'_>) -> Result<TaskManager, Problem> {
    let of = "an entry of /taskmanagers";
    let slots = answer.get("slotsNumber", of)?;
    let cores = |part: &str| -> Result<Option<f64>, Problem> {
        let cores = answer.find(part).map(|part| part.amount("cpuCores"));
        let cores = cores.transpose()?.flatten();
        Ok(cores.filter(|cores| *cores >= 0.001))
    };
    let memory = answer.find("memoryConfiguration");
    let memory = memory.map(|memory| memory.amount("totalProcessMemory"));
    let path = answer.find("path").map(Answer::text).transpose()?;
    Ok(TaskManager {
        id: answer.get("id", of)?.text()?.to_owned(),
        slots: match slots.whole(MAX_SLOTS)? {
            0 => return Err(slots.refuse("a TaskManager without slots")),
            slots => slots,
        },
        cores: cores("hardware")?.or(cores("totalResource")?),
        process_memory: memory.transpose()?.flatten(),
        address: path.map(address).unwrap_or_default(),
    })
}

/// `pekko.tcp://flink@10.0.0.7:6122/user/rpc/taskmanager_0` is at 10.0.0.7.
fn address(path: &str) -> String {
    let after = path.split_once('@').map_or("", |(_, after)| after);
    let authority = after.split('/').next().unwrap_or_default();
    authority
        .rsplit_once(':')
        .map_or("", |(host, _)| host)
        .to_owned()
}

/// Machines that several of them share, by address.
pub fn shared(all: &[TaskManager]) -> Vec<&str> {
    let mut lives: BTreeMap<&str, usize> = BTreeMap::new();
    for taskmanager in all {
        *lives.entry(&taskmanager.address).or_default() += 1;
    }
    lives.retain(|address, count| *count > 1 && !address.is_empty());
    lives.into_keys().collect()
}
