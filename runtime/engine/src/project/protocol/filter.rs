//! Which events a client wants: by channel, by namespace and by depth below it.

use super::{Channel, Event};

/// One of the channels that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Everything on a channel.
    All(Channel),
    /// What nodes write under this name.
    Custom(String),
}

impl Interest {
    /// A channel by its name, or `custom:NAME`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.strip_prefix("custom:") {
            Some("") => None,
            Some(name) => Some(Self::Custom(name.to_owned())),
            None => Channel::from_name(name).map(Self::All),
        }
    }

    fn wants(&self, event: &Event) -> bool {
        match self {
            Self::All(channel) => *channel == event.channel,
            Self::Custom(name) => event.custom_name() == Some(name),
        }
    }
}

/// What one subscription wants to see.
///
/// ```
/// use eddyline_engine::project::protocol::{Channel, Filter, Interest};
///
/// let filter = Filter::new(vec![Interest::All(Channel::Values)]).within(vec![vec!["tools".to_owned()]], None);
/// assert!(filter.covers(&["tools:f8ed".into(), "inner:03ac".into()]) && !filter.covers(&[]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    channels: Vec<Interest>,
    namespaces: Vec<Vec<String>>,
    depth: Option<usize>,
}

impl Filter {
    /// Everything on these channels, wherever it happens.
    pub fn new(channels: Vec<Interest>) -> Self {
        Self { channels, ..Self::default() }
    }

    /// The same below one of these namespaces alone, at most `depth` levels below it. Without namespaces, depth says
    /// nothing.
    pub fn within(self, namespaces: Vec<Vec<String>>, depth: Option<usize>) -> Self {
        Self { namespaces, depth, ..self }
    }

    /// Whether the subscription sees the event.
    pub fn shows(&self, event: &Event) -> bool {
        self.channels.iter().any(|channel| channel.wants(event)) && self.covers(&event.ns)
    }

    /// Whether it sees what happens in this namespace.
    pub fn covers(&self, ns: &[crate::value::Key]) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|prefix| self.reaches(prefix, ns))
    }

    fn reaches(&self, prefix: &[String], ns: &[crate::value::Key]) -> bool {
        let Some(below) = ns.len().checked_sub(prefix.len()) else { return false };
        let fits = |(prefix, level): (&String, &crate::value::Key)| {
            // A node's name alone is every task of it.
            **prefix == **level || (!prefix.contains(':') && level.split(':').next() == Some(prefix))
        };
        prefix.iter().zip(ns).all(fits) && self.depth.is_none_or(|depth| below <= depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Key;

    #[track_caller]
    fn check(prefixes: &[&[&str]], depth: Option<usize>, ns: &[&str], expected: bool) {
        let prefixes = prefixes.iter().map(|prefix| prefix.iter().map(ToString::to_string).collect());
        let filter = Filter::default().within(prefixes.collect(), depth);
        let ns: Vec<Key> = ns.iter().map(|level| Key::from(*level)).collect();
        assert_eq!(filter.covers(&ns), expected, "{filter:?} {ns:?}");
    }

    #[test]
    fn namespaces_are_prefixes_and_names_stand_for_all_their_tasks() {
        check(&[], None, &["a:1"], true);
        check(&[], Some(0), &["a:1", "b:2"], true);
        check(&[&[]], None, &["a:1", "b:2"], true);
        check(&[&[]], Some(0), &[], true);
        check(&[&[]], Some(0), &["a:1"], false);
        check(&[&[]], Some(1), &["a:1"], true);
        check(&[&[]], Some(1), &["a:1", "b:2"], false);
        check(&[&["tools"]], None, &["tools:f8ed"], true);
        check(&[&["too"]], None, &["tools:f8ed"], false);
        check(&[&["tools:nope"]], None, &["tools:f8ed"], false);
        check(&[&["tools:f8ed"]], Some(0), &["tools:f8ed"], true);
        check(&[&["tools"]], None, &[], false);
        check(&[&["x"], &["tools"]], Some(1), &["tools:1", "deep:2"], true);
    }

    #[test]
    fn channels_have_names() {
        for (channel, name) in Channel::ALL {
            assert_eq!(Interest::from_name(name), Some(Interest::All(channel)));
            assert_eq!(channel.as_str(), name);
        }
        assert_eq!(Interest::from_name("custom:x"), Some(Interest::Custom("x".into())));
        assert_eq!(Interest::from_name("custom:"), None);
        assert_eq!(Interest::from_name("debug"), None);
    }
}
