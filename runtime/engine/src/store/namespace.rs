//! Namespaces: what they may be, and which of them a listing shows.

use super::StoreError;

/// Asks for the namespaces that hold items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNamespaces {
    /// They begin so; `*` is any label.
    pub prefix: Vec<String>,
    /// They end so; `*` is any label.
    pub suffix: Vec<String>,
    /// Only so many labels of each are shown, and what is the same then, once.
    pub max_depth: Option<usize>,
    /// How many at most. Default: 100.
    pub limit: usize,
    /// How many to leave out before.
    pub offset: usize,
}

impl Default for ListNamespaces {
    fn default() -> Self {
        Self { prefix: Vec::new(), suffix: Vec::new(), max_depth: None, limit: 100, offset: 0 }
    }
}

impl ListNamespaces {
    /// The labels with which every namespace of the listing begins.
    pub fn known_prefix(&self) -> &[String] {
        let known = self.prefix.iter().position(|label| label == "*").unwrap_or(self.prefix.len());
        &self.prefix[..known]
    }

    /// The page that was asked for, out of all namespaces below the known prefix in ascending order.
    ///
    /// Reads no further than it must. Fails with the first error that it reads.
    pub fn page<E>(
        &self,
        ascending: impl IntoIterator<Item = Result<Vec<String>, E>>,
    ) -> Result<Vec<Vec<String>>, E> {
        let (mut page, mut before, mut left_out) = (Vec::new(), None, 0);
        for namespace in ascending {
            if page.len() >= self.limit {
                break;
            }
            let mut namespace = namespace?;
            if !self.shows(&namespace) {
                continue;
            }
            // Cut short they still ascend, so what is the same stands together.
            namespace.truncate(self.max_depth.unwrap_or(usize::MAX));
            if before.as_ref() == Some(&namespace) {
                continue;
            }
            before = Some(namespace.clone());
            if left_out < self.offset {
                left_out += 1;
            } else {
                page.push(namespace);
            }
        }
        Ok(page)
    }

    fn shows(&self, namespace: &[String]) -> bool {
        fits(&self.prefix, namespace.iter()) && fits_from_the_end(&self.suffix, namespace)
    }
}

fn fits_from_the_end(pattern: &[String], namespace: &[String]) -> bool {
    let from = namespace.len().checked_sub(pattern.len());
    from.is_some_and(|from| fits(pattern, namespace[from..].iter()))
}

fn fits<'a>(pattern: &[String], mut labels: impl Iterator<Item = &'a String>) -> bool {
    pattern.iter().all(|wanted| labels.next().is_some_and(|label| wanted == "*" || wanted == label))
}

/// Refuses labels that nobody could ask for: empty ones, and those with a full stop. Fails with
/// [`StoreError::Label`].
pub fn check_labels(labels: &[String]) -> Result<(), StoreError> {
    match labels.iter().find(|label| label.is_empty() || label.contains('.')) {
        None => Ok(()),
        Some(label) => Err(StoreError::Label { label: label.clone() }),
    }
}

/// Refuses a namespace into which no item goes. Fails with [`StoreError::Label`], and with
/// [`StoreError::Namespace`] when it is empty or begins with `langgraph`, which the API keeps for itself.
pub fn check_namespace(namespace: &[String]) -> Result<(), StoreError> {
    check_labels(namespace)?;
    match namespace.first().map(String::as_str) {
        None => Err(StoreError::Namespace { message: "a namespace has at least one label" }),
        Some("langgraph") => {
            Err(StoreError::Namespace { message: "a namespace does not begin with `langgraph`" })
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::owned;
    use super::*;

    fn check(request: &ListNamespaces, expected: &[&[&str]]) {
        let all: [&[&str]; 5] = [&["a", "x"], &["a", "y", "x"], &["a", "y", "z"], &["ab"], &["b", "x"]];
        let all = all.iter().map(|namespace| Ok::<_, Infallible>(owned(namespace)));
        let page = request.page(all).unwrap_or_else(|never| match never {});
        assert_eq!(page, expected.iter().map(|namespace| owned(namespace)).collect::<Vec<_>>());
    }

    fn like(prefix: &[&str], suffix: &[&str]) -> ListNamespaces {
        ListNamespaces { prefix: owned(prefix), suffix: owned(suffix), ..ListNamespaces::default() }
    }

    #[test]
    fn namespaces_begin_and_end_as_asked() {
        check(&like(&["a"], &[]), &[&["a", "x"], &["a", "y", "x"], &["a", "y", "z"]]);
        check(&like(&[], &["x"]), &[&["a", "x"], &["a", "y", "x"], &["b", "x"]]);
        check(&like(&["a"], &["y", "*"]), &[&["a", "y", "x"], &["a", "y", "z"]]);
        check(&like(&["*", "x"], &[]), &[&["a", "x"], &["b", "x"]]);
        check(&like(&["*", "*", "*", "*"], &[]), &[]);
        check(&like(&[], &["a", "b", "c", "d"]), &[]);
        assert_eq!(like(&["a", "*", "c"], &[]).known_prefix(), ["a"]);
    }

    #[test]
    fn what_is_cut_short_is_shown_once() {
        let cut = ListNamespaces { max_depth: Some(2), ..ListNamespaces::default() };
        check(&cut, &[&["a", "x"], &["a", "y"], &["ab"], &["b", "x"]]);
        check(&ListNamespaces { limit: 2, offset: 1, ..cut.clone() }, &[&["a", "y"], &["ab"]]);
        check(&ListNamespaces { limit: 0, ..cut.clone() }, &[]);
        check(&ListNamespaces { offset: 9, ..cut }, &[]);
    }

    #[test]
    fn labels_and_namespaces_that_are_refused() {
        let code = |labels: &[&str]| check_namespace(&owned(labels)).err().map(|error| error.code());
        assert_eq!(code(&["a", "langgraph"]), None);
        assert_eq!(code(&[]), Some("INVALID_NAMESPACE"));
        assert_eq!(code(&["langgraph", "a"]), Some("INVALID_NAMESPACE"));
        for wrong in ["", "a.b", "."] {
            assert_eq!(code(&["a", wrong]), Some("INVALID_LABEL"));
        }
        assert!(check_labels(&[]).is_ok());
    }
}
