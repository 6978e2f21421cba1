//! Where the leaders of a Flink cluster stand in ZooKeeper (`ZooKeeperUtils`), what stands there, and how it is read.

use serde::Serialize;

use crate::actor::message::FencingToken;
use crate::actor::zookeeper::protocol::{Answer, Data, Op, ZkError};
use crate::dataflow::topology::JobId;
use crate::kernel::ActorId;

use super::rpc::Address;

/// One sequential ephemeral per JobManager process, for all components together.
pub const LATCH_PATH: &str = "/leader/latch";

/// What has a leader of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Component {
    Dispatcher,
    ResourceManager,
    RestServer,
    JobMaster(JobId),
}

/// Where a leader is, and its leader session id.
pub type LeaderInformation = (Address, FencingToken);

impl Component {
    /// The ephemeral node of its leader.
    pub fn path(self) -> String {
        match self {
            Component::Dispatcher => "/leader/dispatcher/connection_info".to_owned(),
            Component::ResourceManager => "/leader/resource_manager/connection_info".to_owned(),
            Component::RestServer => "/leader/rest_server/connection_info".to_owned(),
            Component::JobMaster(job) => format!("/leader/{job}/connection_info"),
        }
    }
}

pub fn encode((address, token): LeaderInformation) -> Data {
    let place = (u64::from(address.actor.0) << 32) | u64::from(address.incarnation);
    [place, token]
}

pub fn decode(data: Data) -> LeaderInformation {
    let address = Address {
        actor: ActorId((data[0] >> 32) as u32),
        incarnation: data[0] as u32,
    };
    (address, data[1])
}

/// Follows one component's leader (`ZooKeeperLeaderRetrievalDriver`): what has been told already is not told again.
#[derive(Clone, Copy, Debug)]
pub struct LeaderRetrieval {
    component: Component,
    known: Option<LeaderInformation>,
}

impl LeaderRetrieval {
    pub fn new(component: Component) -> LeaderRetrieval {
        LeaderRetrieval {
            component,
            known: None,
        }
    }

    pub fn known(&self) -> Option<LeaderInformation> {
        self.known
    }

    /// The request to send at the start, when the watch has fired, and on every connection to ZooKeeper.
    pub fn read(&self) -> Op {
        Op::GetData {
            path: self.component.path(),
            watch: true,
        }
    }

    /// The request's answer. True: the leader, or that there is none, is news.
    pub fn on_answer(&mut self, result: Result<Answer, ZkError>) -> bool {
        match result {
            Ok(Answer::Data { data, .. }) => self.learn(Some(decode(data))),
            Err(ZkError::NoNode) => self.learn(None),
            // The session's end has an event of its own.
            _ => false,
        }
    }

    /// The line to ZooKeeper is suspended (unless that is tolerated), or lost: nobody is known to lead. True: somebody was.
    pub fn forget(&mut self) -> bool {
        self.learn(None)
    }

    fn learn(&mut self, leader: Option<LeaderInformation>) -> bool {
        std::mem::replace(&mut self.known, leader) != leader
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_told_once() {
        let address = Address {
            actor: ActorId(7),
            incarnation: 3,
        };
        let mut retrieval = LeaderRetrieval::new(Component::JobMaster(2));
        let answer = || {
            Ok(Answer::Data {
                data: encode((address, 99)),
                owner: Some(1),
                created: 5,
            })
        };
        assert!(retrieval.on_answer(answer()));
        assert_eq!(retrieval.known(), Some((address, 99)));
        assert!(!retrieval.on_answer(answer()));
        assert!(!retrieval.on_answer(Err(ZkError::SessionExpired)));
        assert!(retrieval.on_answer(Err(ZkError::NoNode)));
        assert!(!retrieval.forget());
    }
}
