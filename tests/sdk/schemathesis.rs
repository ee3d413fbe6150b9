//! `/openapi.json` against the server that it describes: requests that `schemathesis` makes up from it, of which none may
//! meet a server error, or an answer that the document does not have.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use super::{or_skip, python, run, scripts};
use crate::http::{get, text};
use crate::server::Server;

/// What an answer must be.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Streams that end with their client alone.
const ENDLESS: &str = r"^/threads/\{thread_id\}/stream";

static SCHEMATHESIS: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let pins = scripts("schemathesis").join("requirements.txt");
    Ok(python("schemathesis", &pins)?.join("bin/schemathesis"))
});

#[test]
fn no_request_meets_what_the_document_does_not_have() {
    let Some(schemathesis) = or_skip("schemathesis", &SCHEMATHESIS) else { return };
    let server = Server::start();
    let mut command = Command::new(schemathesis);
    command.args(["run", &server.url("/openapi.json"), "--checks", CHECKS, "--exclude-path-regex", ENDLESS]);
    command.args(["--phases", "coverage,fuzzing,stateful", "--max-examples", "10", "--seed", "1"]);
    command.args(["--request-timeout", "30", "--no-color"]);
    // Nothing that it writes lies beside the scripts.
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PYTHONPATH", scripts("schemathesis")).env("SCHEMATHESIS_HOOKS", "hooks");
    let report = run(&mut command).unwrap_or_else(|report| panic!("{report}")).concat();
    assert!(report.contains("generated"), "{report}");
    let figures = text(get(&server, "/metrics"));
    let of_status = |status: &str| figures.lines().filter(|line| line.contains(status)).count();
    assert!(of_status("status=\"200\"") > 20, "most routes had an answer\n{figures}");
    assert_eq!(of_status("status=\"5"), 0, "{figures}");
}
