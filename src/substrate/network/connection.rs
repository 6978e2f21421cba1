//! What each end of a connection believes of it. A process learns of the other end's death late, and what it sends
//! meanwhile is lost without a word.

use crate::kernel::time::Time;

/// One end's view of its connection to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Closed,
    /// An attempt is under way.
    Opening,
    Established,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over a connection that the sender takes to stand. If the other process is gone, nobody hears of the message again.
    Established,
    /// With an attempt to connect: it is accepted or refused.
    Opening,
    /// Word of an operating system, about a connection.
    Notice,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    /// Arrival of the last message: nothing overtakes it.
    pub last: Time,
    /// Which incarnation of the peer is at the other end.
    pub incarnation: u32,
    pub view: View,
    /// A reset is on its way to this end.
    pub told: bool,
    /// An incarnation whose end nobody has told of yet when a later one called: what was sent to it is still on its way.
    outlived: Option<u32>,
}

impl Connection {
    /// A message goes out: to which incarnation of the peer, and how. `wanted`: none where any will do, and then
    /// the one that is there now, `current`, is called if there is no connection yet.
    pub fn dial(&mut self, wanted: Option<u32>, current: u32) -> (u32, Way) {
        let fits = wanted.is_none_or(|wanted| wanted == self.incarnation);
        match self.view {
            View::Established if fits => return (self.incarnation, Way::Established),
            View::Opening if fits => return (self.incarnation, Way::Opening),
            _ => {}
        }
        self.view = View::Opening;
        self.incarnation = wanted.unwrap_or(current);
        self.told = false;
        (self.incarnation, Way::Opening)
    }

    pub fn establish(&mut self, incarnation: u32) {
        // A late attempt to an earlier incarnation changes nothing about the connection with a later one.
        if self.view != View::Established || self.incarnation <= incarnation {
            if self.view == View::Established && self.incarnation < incarnation && !self.told {
                self.outlived = Some(self.incarnation);
            }
            self.told &= self.view == View::Established && self.incarnation == incarnation;
            self.view = View::Established;
            self.incarnation = incarnation;
        }
    }

    /// This end learns that the connection is no more. False: it was not there.
    pub fn close(&mut self, incarnation: u32) -> bool {
        let stood = self.view != View::Closed && self.incarnation == incarnation;
        if stood {
            self.view = View::Closed;
            self.told = false;
        }
        stood
    }

    /// True, and only once: this end has a connection with that incarnation and is to be told of its end.
    pub fn tell(&mut self, incarnation: u32) -> bool {
        let tells = self.view == View::Established && self.incarnation == incarnation && !self.told;
        self.told |= tells;
        tells
    }

    /// The same of a connection in whose stead a later incarnation's is now.
    pub fn tell_of_outlived(&mut self, incarnation: u32) -> bool {
        self.outlived
            .take_if(|outlived| *outlived == incarnation)
            .is_some()
    }

    /// The process at this end is gone.
    pub fn forget(&mut self) {
        self.view = View::Closed;
        self.told = false;
        self.outlived = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_was_not_told_goes_on_talking_to_the_dead() {
        let mut end = Connection::default();
        assert_eq!(end.dial(None, 3), (3, Way::Opening));
        assert_eq!(end.dial(None, 3), (3, Way::Opening));
        end.establish(3);
        assert_eq!(end.dial(None, 4), (3, Way::Established));
        assert!(end.tell(3) && !end.tell(3));
        assert!(end.close(3) && !end.close(3));
        assert_eq!(end.dial(None, 4), (4, Way::Opening));
    }

    #[test]
    fn whose_successor_calls_first_is_told_of_all_the_same() {
        let mut end = Connection::default();
        end.establish(1);
        end.establish(2);
        assert!(!end.tell(1));
        assert!(end.tell_of_outlived(1) && !end.tell_of_outlived(1));
        assert_eq!(end.dial(None, 2), (2, Way::Established));
        // Who has been told already is not told again.
        assert!(end.tell(2));
        end.establish(3);
        assert!(!end.tell_of_outlived(2));
    }

    #[test]
    fn another_incarnation_is_another_address() {
        let mut end = Connection::default();
        end.establish(1);
        assert_eq!(end.dial(Some(2), 2), (2, Way::Opening));
        end.establish(2);
        assert_eq!(end.dial(Some(1), 2), (1, Way::Opening));
        end.establish(2);
        end.establish(1);
        assert_eq!(end.dial(Some(2), 2), (2, Way::Established));
    }
}
