//! What the log tells of the model in control.

use crate::drift::{Action, Entry};

/// Whether it is the one whose errors the monitor was calibrated on: whatever was installed since has been rolled back.
pub(super) fn is_known(log: &[Entry]) -> bool {
    let since = log.iter().rev().take_while(|entry| entry.action != Action::Watch);
    let installed = since.map(|entry| match entry.action {
        Action::Refit { .. } | Action::Retrain { .. } => 1,
        Action::RollBack { .. } => -1,
        _ => 0,
    });
    installed.sum::<i64>() == 0
}

/// Its error on the last trial since the alarm; not a number without one.
pub(super) fn error_in_control(log: &[Entry]) -> f64 {
    let mut since = log.iter().rev().take_while(|entry| !matches!(entry.action, Action::Hold { .. }));
    let of_trial = since.find_map(|entry| match entry.action {
        Action::RollBack { old, .. } => Some(old),
        Action::Escalate { new, .. } => Some(new),
        _ => None,
    });
    of_trial.unwrap_or(f64::NAN)
}
