//! Processes: up, hung or down; each start is a new incarnation.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ProcessState {
    Up,
    /// Stopped by a signal, or in a long garbage collection: sockets stay open, nothing is handled.
    Hung,
    /// Not running: connections are refused, what was in memory is gone.
    Down,
}

#[derive(Clone, Debug)]
pub struct Process {
    pub state: ProcessState,
    /// Grows with each start; a message to an earlier incarnation reaches nobody.
    pub incarnation: u32,
    /// After the process's death its operating system keeps its sockets for a moment, while it clears away the rest.
    pub sockets_open: bool,
}

impl Process {
    pub fn new(up: bool) -> Process {
        Process {
            state: if up {
                ProcessState::Up
            } else {
                ProcessState::Down
            },
            incarnation: 0,
            sockets_open: up,
        }
    }

    pub fn kill(&mut self) {
        assert_ne!(
            self.state,
            ProcessState::Down,
            "only a running process can be killed"
        );
        self.state = ProcessState::Down;
        self.incarnation += 1;
    }

    /// Whatever was starting it is killed too.
    pub fn abandon_start(&mut self) {
        assert_eq!(
            self.state,
            ProcessState::Down,
            "only a process that is down can be starting"
        );
        self.incarnation += 1;
    }

    pub fn start(&mut self) {
        assert_eq!(
            self.state,
            ProcessState::Down,
            "only a process that is down can start"
        );
        self.state = ProcessState::Up;
        self.sockets_open = true;
    }

    pub fn hang(&mut self) {
        assert_eq!(
            self.state,
            ProcessState::Up,
            "only a process that is up can hang"
        );
        self.state = ProcessState::Hung;
    }

    pub fn resume(&mut self) {
        assert_eq!(
            self.state,
            ProcessState::Hung,
            "only a hung process can resume"
        );
        self.state = ProcessState::Up;
    }
}
