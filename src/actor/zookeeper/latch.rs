//! Leader election (Curator's `LeaderLatch`): a sequential ephemeral each; the lowest leads, the others watch the next lower.

use super::protocol::{Answer, CreateMode, Data, Op, SessionId, ZkError};
use crate::policy::defect::{Defect, Defects};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LatchAsk {
    Create,
    List,
    WatchPredecessor,
    /// Does our node belong to the session that we have now?
    Verify,
}

/// What follows an answer.
#[derive(Clone, Debug)]
pub enum Turn {
    Ask(Op, LatchAsk),
    /// Our node is of an earlier session: it is deleted, and another made (`LeaderLatch.reset`).
    Replace {
        path: String,
        op: Op,
        ask: LatchAsk,
    },
    /// Leadership is ours from now on.
    Leads,
}

/// One contender.
#[derive(Clone, Debug)]
pub struct Latch {
    path: &'static str,
    data: Data,
    /// Whether leadership waits until the lowest node is known to be of the present session.
    verifies: bool,
    /// Our node's name.
    node: Option<String>,
    /// A node was asked for. The client asks again by itself after a reconnection: a second request would make a
    /// second node, and we would wait for the first one for ever.
    creating: bool,
    /// The path that we wait for.
    predecessor: Option<String>,
    has_leadership: bool,
    pub defects: Defects,
}

impl Latch {
    pub fn new(path: &'static str, data: Data, verifies: bool) -> Latch {
        Latch {
            path,
            data,
            verifies,
            node: None,
            creating: false,
            predecessor: None,
            has_leadership: false,
            defects: Defects::default(),
        }
    }

    pub fn has_leadership(&self) -> bool {
        self.has_leadership
    }

    /// The path of our node.
    pub fn node(&self) -> Option<String> {
        self.node
            .as_ref()
            .map(|node| format!("{}/{node}", self.path))
    }

    /// Connected, for the first time or again: a node is made, or looked for among the others.
    pub fn take_part(&mut self) -> (Op, LatchAsk) {
        if self.node.is_some() || self.creating {
            return self.list();
        }
        self.creating = true;
        let op = Op::Create {
            path: format!("{}/latch-", self.path),
            data: self.data,
            mode: CreateMode::EphemeralSequential,
        };
        (op, LatchAsk::Create)
    }

    fn list(&self) -> (Op, LatchAsk) {
        let op = Op::GetChildren {
            path: self.path.to_owned(),
            watch: false,
        };
        (op, LatchAsk::List)
    }

    pub fn on_answer(
        &mut self,
        ask: LatchAsk,
        result: Result<Answer, ZkError>,
        session: Option<SessionId>,
    ) -> Option<Turn> {
        if ask == LatchAsk::Create {
            self.creating = false;
        }
        let (op, ask) = match (ask, result) {
            (LatchAsk::Create, Ok(Answer::Created { path, .. })) => {
                self.node = path.rsplit_once('/').map(|(_, name)| name.to_owned());
                self.list()
            }
            (LatchAsk::List, Ok(Answer::Children { names })) => return self.on_list(&names),
            (LatchAsk::WatchPredecessor, Err(ZkError::NoNode)) => self.list(),
            (LatchAsk::Verify, Ok(Answer::Data { owner, .. })) if owner == session => {
                return self.lead();
            }
            (LatchAsk::Verify, Ok(_)) => {
                let path = self.node()?;
                let (op, ask) = self.start_anew();
                return Some(Turn::Replace { path, op, ask });
            }
            (LatchAsk::Verify, Err(ZkError::NoNode)) => self.start_anew(),
            // An expired session ends everything by its own event.
            _ => return None,
        };
        Some(Turn::Ask(op, ask))
    }

    fn on_list(&mut self, names: &[String]) -> Option<Turn> {
        let ours = self.node.as_ref()?;
        let Some(place) = names.iter().position(|name| name == ours) else {
            // Our node has vanished: to the end of the queue.
            let (op, ask) = self.start_anew();
            return Some(Turn::Ask(op, ask));
        };
        let hasty = self.defects.has(Defect::LeadsTooEarly) && names.len() > 2;
        let before = place.checked_sub(1).filter(|before| *before > 0 || !hasty);
        let Some(before) = before else {
            let path = self.node().filter(|_| self.verifies);
            return match path {
                Some(path) if !self.has_leadership => {
                    let op = Op::GetData { path, watch: false };
                    Some(Turn::Ask(op, LatchAsk::Verify))
                }
                _ => self.lead(),
            };
        };
        let path = format!("{}/{}", self.path, names[before]);
        self.predecessor = Some(path.clone());
        let op = Op::GetData { path, watch: true };
        Some(Turn::Ask(op, LatchAsk::WatchPredecessor))
    }

    fn start_anew(&mut self) -> (Op, LatchAsk) {
        self.node = None;
        self.take_part()
    }

    fn lead(&mut self) -> Option<Turn> {
        let is_new = !std::mem::replace(&mut self.has_leadership, true);
        is_new.then_some(Turn::Leads)
    }

    /// A watch has fired; the request that follows, if it was ours.
    pub fn on_watch(&mut self, path: &str) -> Option<(Op, LatchAsk)> {
        if self.predecessor.as_deref() != Some(path) {
            return None;
        }
        self.predecessor = None;
        Some(self.list())
    }

    /// Leadership is given up, if it was there; the node stays in its place.
    pub fn step_down(&mut self) {
        self.has_leadership = false;
        self.predecessor = None;
    }

    /// The session is over. Its node may outlive it: who verifies goes on looking for it under the next session.
    pub fn on_session_lost(&mut self) {
        self.step_down();
        self.creating = false;
        if !self.verifies {
            self.node = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(number: u64) -> Result<Answer, ZkError> {
        let path = format!("/latch/latch-{number:010}");
        Ok(Answer::Created { path, zxid: 1 })
    }

    fn listed(numbers: &[u64]) -> Result<Answer, ZkError> {
        let names = numbers.iter().map(|n| format!("latch-{n:010}")).collect();
        Ok(Answer::Children { names })
    }

    fn owned(owner: SessionId) -> Result<Answer, ZkError> {
        Ok(Answer::Data {
            data: [0; 2],
            owner: Some(owner),
            created: 1,
        })
    }

    fn joined(verifies: bool) -> Latch {
        let mut latch = Latch::new("/latch", [0; 2], verifies);
        assert_eq!(latch.take_part().1, LatchAsk::Create);
        latch.on_answer(LatchAsk::Create, created(4), Some(1));
        latch
    }

    fn asks(turn: Option<Turn>) -> LatchAsk {
        match turn {
            Some(Turn::Ask(_, ask)) => ask,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_next_lower_is_watched() {
        let mut latch = joined(false);
        match latch.on_answer(LatchAsk::List, listed(&[1, 3, 4, 5]), Some(1)) {
            Some(Turn::Ask(Op::GetData { path, watch: true }, LatchAsk::WatchPredecessor)) => {
                assert_eq!(path, "/latch/latch-0000000003");
            }
            other => panic!("{other:?}"),
        }
        assert!(latch.on_watch("/latch/latch-0000000001").is_none());
        assert!(latch.on_watch("/latch/latch-0000000003").is_some());
        let turn = latch.on_answer(LatchAsk::List, listed(&[4, 5]), Some(1));
        assert!(matches!(turn, Some(Turn::Leads)));
        // It is told once.
        assert!(
            latch
                .on_answer(LatchAsk::List, listed(&[4, 5]), Some(1))
                .is_none()
        );
    }

    #[test]
    fn a_node_of_an_earlier_session_does_not_count() {
        let mut latch = joined(true);
        let turn = latch.on_answer(LatchAsk::List, listed(&[4]), Some(2));
        assert_eq!(asks(turn), LatchAsk::Verify);
        let turn = latch.on_answer(LatchAsk::Verify, owned(1), Some(2));
        match turn {
            Some(Turn::Replace {
                path,
                ask: LatchAsk::Create,
                ..
            }) => assert_eq!(path, "/latch/latch-0000000004"),
            other => panic!("{other:?}"),
        }
        latch.on_answer(LatchAsk::Create, created(6), Some(2));
        latch.on_answer(LatchAsk::List, listed(&[6]), Some(2));
        let turn = latch.on_answer(LatchAsk::Verify, owned(2), Some(2));
        assert!(matches!(turn, Some(Turn::Leads)));
    }

    /// Whoever waits behind it would wait until the server lets the old session expire.
    #[test]
    fn a_node_that_outlives_its_session_is_looked_for() {
        let mut latch = joined(true);
        latch.on_session_lost();
        assert_eq!(latch.take_part().1, LatchAsk::List);
        let turn = latch.on_answer(LatchAsk::List, listed(&[3, 4]), Some(2));
        assert_eq!(asks(turn), LatchAsk::WatchPredecessor);
        let (_, ask) = latch
            .on_watch("/latch/latch-0000000003")
            .expect("it waits for that one");
        assert_eq!(ask, LatchAsk::List);
        let turn = latch.on_answer(LatchAsk::List, listed(&[4, 5]), Some(2));
        assert_eq!(asks(turn), LatchAsk::Verify);
        let turn = latch.on_answer(LatchAsk::Verify, owned(1), Some(2));
        assert!(matches!(turn, Some(Turn::Replace { .. })));
        // The server has deleted it with the session.
        let mut latch = joined(true);
        latch.on_session_lost();
        latch.take_part();
        let turn = latch.on_answer(LatchAsk::List, listed(&[5]), Some(2));
        assert_eq!(asks(turn), LatchAsk::Create);
    }

    #[test]
    fn a_reconnection_makes_no_second_node() {
        let mut latch = Latch::new("/latch", [0; 2], false);
        assert_eq!(latch.take_part().1, LatchAsk::Create);
        // Connected again before the answer came.
        assert_eq!(latch.take_part().1, LatchAsk::List);
        assert!(
            latch
                .on_answer(LatchAsk::List, listed(&[]), Some(1))
                .is_none()
        );
        let turn = latch.on_answer(LatchAsk::Create, created(4), Some(1));
        assert_eq!(asks(turn), LatchAsk::List);
        // The request went with the session: the next one needs a node of its own.
        let mut latch = Latch::new("/latch", [0; 2], false);
        latch.take_part();
        latch.on_session_lost();
        assert_eq!(latch.take_part().1, LatchAsk::Create);
    }

    #[test]
    fn who_has_vanished_goes_to_the_end() {
        let mut latch = joined(false);
        let turn = latch.on_answer(LatchAsk::List, listed(&[5]), Some(1));
        assert_eq!(asks(turn), LatchAsk::Create);
    }

    #[test]
    fn after_stepping_down_the_lowest_leads_again() {
        let mut latch = joined(false);
        latch.on_answer(LatchAsk::List, listed(&[4]), Some(1));
        latch.step_down();
        assert!(!latch.has_leadership());
        assert_eq!(latch.take_part().1, LatchAsk::List);
        let turn = latch.on_answer(LatchAsk::List, listed(&[4]), Some(1));
        assert!(matches!(turn, Some(Turn::Leads)));
    }
}
