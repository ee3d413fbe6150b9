//! What is printed: one line a figure, with the median and the spread of what was measured.

/// What was measured, once a round.
#[derive(Clone)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        assert!(!values.is_empty(), "something was measured");
        Self(values)
    }

    /// How often the other goes into this, round by round: what a machine does meanwhile meets both.
    pub(crate) fn over(&self, other: &Self) -> Self {
        Self::new(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs))
    }

    /// The value below which `share` of all lie: 0.5 is the median.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() - 1) as f64 * share;
        sorted[place.round() as usize]
    }

    /// Prints the median and the spread.
    pub(crate) fn print(&self, name: &str, unit: &str) {
        let [low, median, high] = [0.0, 0.5, 1.0].map(|share| number(self.quantile(share)));
        println!("  {name:<46} {median:>9} {unit} ({low} to {high})");
    }
}

/// Prints a figure that was measured once.
pub(crate) fn print(name: &str, value: f64, unit: &str) {
    println!("  {name:<46} {:>9} {unit}", number(value));
}

/// Three digits that mean something, and all those before the point.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..1.0 => format!("{value:.3}"),
        1.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
