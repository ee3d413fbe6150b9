//! Graph files to start from: each a real use, and each runs as it is.

/// A graph file that ships.
#[derive(Clone, Copy, Debug)]
pub struct Starter {
    /// What it is called.
    pub name: &'static str,
    /// Its files, the graph first: the end of the name, and the text.
    files: &'static [(&'static str, &'static str)],
}

/// All of them, the simplest first.
pub const ALL: [Starter; 6] = [
    Starter { name: "chat", files: &[("yaml", include_str!("../../starters/chat.yaml"))] },
    Starter { name: "agent", files: &[("yaml", include_str!("../../starters/agent.yaml"))] },
    Starter { name: "router", files: &[("yaml", include_str!("../../starters/router.yaml"))] },
    Starter { name: "mapreduce", files: &[("yaml", include_str!("../../starters/mapreduce.yaml"))] },
    Starter { name: "approval", files: &[("yaml", include_str!("../../starters/approval.yaml"))] },
    Starter {
        name: "process",
        files: &[
            ("yaml", include_str!("../../starters/process.yaml")),
            ("py", include_str!("../../starters/process.py")),
        ],
    },
];

impl Starter {
    /// The names and texts of the files of a graph that is called `graph_id`, the graph first.
    pub fn files(&self, graph_id: &str) -> Vec<(String, String)> {
        let renamed = |text: &str| {
            let programs = self.files[1..].iter();
            programs.fold(text.to_owned(), |text, (end, _)| {
                text.replace(&format!("{}.{end}", self.name), &format!("{graph_id}.{end}"))
            })
        };
        self.files.iter().map(|(end, text)| (format!("{graph_id}.{end}"), renamed(text))).collect()
    }
}
