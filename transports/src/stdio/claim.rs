//! How standard input and output are taken away from the rest of the process.

use std::fs::File;
use std::io;

/// Private copies of both that no child process inherits. What is left in their place is the end of an input, and
/// standard error.
#[cfg(unix)]
pub(super) fn claim() -> io::Result<(File, File)> {
    use std::os::fd::OwnedFd;

    use rustix::io::fcntl_dupfd_cloexec;
    use rustix::stdio::{dup2_stdin, dup2_stdout, stderr, stdin, stdout};

    /// The first number that is nobody's.
    const FREE: i32 = 3;
    let private = |fd: OwnedFd| File::from(fd);
    let input = private(fcntl_dupfd_cloexec(stdin(), FREE)?);
    let output = private(fcntl_dupfd_cloexec(stdout(), FREE)?);
    dup2_stdout(stderr())?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok((input, output))
}

/// Both as they are.
#[cfg(windows)]
pub(super) fn claim() -> io::Result<(File, File)> {
    use std::os::windows::io::AsHandle as _;

    let input = io::stdin().as_handle().try_clone_to_owned()?;
    let output = io::stdout().as_handle().try_clone_to_owned()?;
    Ok((File::from(input), File::from(output)))
}
