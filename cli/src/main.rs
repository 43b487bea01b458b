//! The `forebay` command.

fn main() -> std::process::ExitCode {
    forebay_cli::run(std::env::args_os())
}
