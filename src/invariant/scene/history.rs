//! What ZooKeeper has committed so far. A leader and its successor may both state a transaction; it counts once.

use std::collections::BTreeSet;

use crate::actor::fact::Fact;
use crate::kernel::ActorId;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Opened { session: u64, owner: ActorId },
    Ended { session: u64, owner: ActorId },
    Created { path: String, owner: Option<u64> },
    Deleted { path: String },
}

#[derive(Clone, Debug, Default)]
pub struct History {
    effects: BTreeSet<(u64, Effect)>,
}

impl History {
    /// Takes in what a transaction has done; true where the same was known before.
    pub fn restates(&mut self, fact: &Fact) -> bool {
        let effect = match fact {
            Fact::SessionOpened {
                zxid,
                session,
                owner,
                ..
            } => {
                let (session, owner) = (*session, *owner);
                (*zxid, Effect::Opened { session, owner })
            }
            Fact::SessionEnded {
                zxid,
                session,
                owner,
            } => {
                let (session, owner) = (*session, *owner);
                (*zxid, Effect::Ended { session, owner })
            }
            Fact::ZnodeCreated { zxid, path, owner } => {
                let (path, owner) = (path.clone(), *owner);
                (*zxid, Effect::Created { path, owner })
            }
            Fact::ZnodeDeleted { zxid, path } => {
                let path = path.clone();
                (*zxid, Effect::Deleted { path })
            }
            _ => return false,
        };
        !self.effects.insert(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn created(zxid: u64, owner: u64) -> Fact {
        Fact::ZnodeCreated {
            zxid,
            path: "/a".to_owned(),
            owner: Some(owner),
        }
    }

    #[test]
    fn the_same_transaction_is_known_and_another_one_of_its_number_is_not() {
        let mut history = History::default();
        assert!(!history.restates(&created(1, 7)));
        assert!(history.restates(&created(1, 7)));
        assert!(!history.restates(&created(1, 8)));
        assert!(!history.restates(&created(2, 7)));
    }
}
