//! Registration with back-off (`RetryingRegistration`): how long each attempt waits, and how long until the next.

use crate::actor::settings::RegistrationConfig;
use crate::kernel::Span;

use super::RpcError;

/// One registration under way.
#[derive(Clone, Debug)]
pub struct Registration {
    config: RegistrationConfig,
    timeout: Span,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Again after this span.
    After(Span),
    /// Final.
    Never,
}

impl Registration {
    pub fn new(config: RegistrationConfig) -> Registration {
        Registration {
            config,
            timeout: config.initial_timeout,
        }
    }

    /// How long this attempt waits for an answer.
    pub fn timeout(&self) -> Span {
        self.timeout
    }

    /// After a failed attempt: on a timeout again at once and twice as patient, on an error or refusal after a pause and
    /// from the beginning.
    pub fn on_error(&mut self, error: RpcError) -> Retry {
        match error {
            RpcError::Timeout => {
                self.timeout = (self.timeout * 2).min(self.config.max_timeout);
                Retry::After(Span::ZERO)
            }
            RpcError::Unreachable | RpcError::Fenced => {
                self.timeout = self.config.initial_timeout;
                Retry::After(self.config.error_delay)
            }
            RpcError::Refused(_) => {
                self.timeout = self.config.initial_timeout;
                Retry::After(self.config.refused_delay)
            }
            RpcError::Rejected(_) => Retry::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_doubles_up_to_its_limit() {
        let config = RegistrationConfig {
            initial_timeout: Span::from_ms(100),
            max_timeout: Span::from_ms(300),
            error_delay: Span::from_secs(10),
            refused_delay: Span::from_secs(30),
        };
        let mut registration = Registration::new(config);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(registration.timeout());
            assert_eq!(
                registration.on_error(RpcError::Timeout),
                Retry::After(Span::ZERO)
            );
        }
        assert_eq!(seen, [100, 200, 300].map(Span::from_ms));
        assert_eq!(
            registration.on_error(RpcError::Unreachable),
            Retry::After(Span::from_secs(10))
        );
        assert_eq!(registration.timeout(), Span::from_ms(100));
        assert_eq!(
            registration.on_error(RpcError::Refused("full")),
            Retry::After(Span::from_secs(30))
        );
        assert_eq!(
            registration.on_error(RpcError::Rejected("no")),
            Retry::Never
        );
    }
}
