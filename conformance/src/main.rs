//! `touchstone`: see `touchstone --help`.

fn main() -> std::process::ExitCode {
    conformance::cli::main()
}
