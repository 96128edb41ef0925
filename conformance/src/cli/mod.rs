//! The command line: what is asked for, and how the process ends.
//!
//! Only here and in `main` is the clock on the wall read, and only here is anything printed.

mod baseline;
mod exit;
mod explain;
mod list;
mod progress;
mod prove;
mod run;
mod select;
mod serve;
mod session;
mod suite;

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use exit::Stop;

use crate::report::Kind;

/// Whether a provider keeps what OpenID Connect and OAuth 2.0 demand.
#[derive(Debug, Parser)]
#[command(name = "touchstone", version, args_conflicts_with_subcommands = true, after_help = AFTER)]
struct Touchstone {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

const AFTER: &str = "\
No command means `run`, and `run` without a target means the provider inside this program.

Exit codes: 0 conforms; 1 a MUST is broken or blocked (with --strict a SHOULD too), or something is not as the baseline has it;
2 wrong usage, or nothing was asked; 3 the target could not be reached or set up; 130 interrupted.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the suite, judge it, and say what was seen
    Run(RunArgs),
    /// List every check and rule
    List(ListArgs),
    /// Say what an id is: a check, a scenario, a rule, a requirement or a defect
    Explain(ExplainArgs),
    /// Start the provider for other programs
    Serve(serve::ServeArgs),
    /// Show that every check and rule can fail
    Prove(ProveArgs),
}

/// What to run, against whom, and where to write it.
#[derive(Debug, Clone, Args)]
struct RunArgs {
    /// The provider under test; without it, the one inside this program
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// Only checks whose id begins so; their controls run too, unreported
    #[arg(long, value_name = "ID-PREFIX", num_args = 1..)]
    only: Vec<String>,
    /// A broken SHOULD counts like a broken MUST
    #[arg(long)]
    strict: bool,
    /// How many checks run side by side [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// From which every fresh name of the run is derived
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write a report as well: html, json, junit, markdown, sarif or text
    #[arg(long, value_name = "KIND=FILE", num_args = 1.., value_parser = report_to)]
    report: Vec<(Kind, PathBuf)>,
    /// A defect of the catalogue, played on the wire: what a failure looks like
    #[arg(long, value_name = "DEFECT")]
    defect: Option<String>,
    /// What is known of the target: only what has changed since its last update counts
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the baseline anew after the run; reasons and comments in it stay
    #[arg(long, requires = "baseline")]
    update_baseline: bool,
    /// Scenarios of your own, beside those in this program
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Keep everything that was recorded, a file for each walk; these files hold tokens and secrets
    #[arg(long, value_name = "DIR")]
    save_transcripts: Option<PathBuf>,
    /// Let time pass where the target's clock is real; such checks are skipped otherwise
    #[arg(long)]
    slow: bool,
    /// Print tokens, codes and secrets as they are
    #[arg(long)]
    show_secrets: bool,
}

/// How to list.
#[derive(Debug, Args)]
struct ListArgs {
    /// Lines to read, or JSON
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Only checks and rules whose id begins so
    #[arg(long, value_name = "ID-PREFIX", num_args = 1..)]
    only: Vec<String>,
    /// Requirements of providers instead, with who asks for them: of one document (`rfc7636`) or of all
    #[arg(long, value_name = "DOCUMENT", num_args = 0..=1, conflicts_with_all = ["only", "format"])]
    requirements: Option<Option<String>>,
    /// Counts instead: checks by area, requirements asked by document and level, how checks are proven
    #[arg(long, conflicts_with_all = ["only", "format", "requirements"])]
    counts: bool,
    /// Scenarios of your own, beside those in this program
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// What to explain.
#[derive(Debug, Args)]
struct ExplainArgs {
    /// `code/pkce-at-the-token-endpoint#plain`, `a-code-buys-once`, `rfc7636-4.6-mismatch-invalid-grant`, `logout-token-without-exp`
    id: String,
    /// Scenarios of your own, beside those in this program
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

/// What to prove.
#[derive(Debug, Args)]
struct ProveArgs {
    /// Only checks and rules whose id begins so
    #[arg(long, value_name = "ID-PREFIX", num_args = 1..)]
    only: Vec<String>,
    /// How many checks run side by side [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// From which every fresh name of the run is derived
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Scenarios of your own, beside those in this program
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let args = Touchstone::parse();
    let ended = match args.command.unwrap_or(Command::Run(args.run)) {
        Command::Run(args) => run::run(&args),
        Command::List(args) => list::list(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Serve(args) => serve::serve(args),
        Command::Prove(args) => prove::prove(&args),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(stop) => {
            eprintln!("{stop}");
            ExitCode::from(stop.code())
        }
    }
}

fn report_to(text: &str) -> Result<(Kind, PathBuf), String> {
    let kinds = Kind::ALL.map(|(name, _)| name).join(", ");
    let (kind, file) = text.split_once('=').ok_or_else(|| format!("a report is KIND=FILE, and the kinds are {kinds}"))?;
    if file.is_empty() {
        return Err(format!("`{kind}=` names no file"));
    }
    Ok((Kind::parse(kind)?, PathBuf::from(file)))
}

/// As many as there are processors.
fn jobs(asked: Option<NonZeroUsize>) -> usize {
    asked.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get)
}

/// Prints to stdout. A reader that has gone away (`| head`) is no error of ours.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Touchstone::command().debug_assert();
    }

    #[test]
    fn no_command_is_run() {
        let args = Touchstone::parse_from(["touchstone", "--only", "code", "keys", "--seed", "7"]);
        assert!(args.command.is_none());
        assert_eq!((args.run.only, args.run.seed), (vec!["code".to_owned(), "keys".to_owned()], 7));
        assert!(matches!(
            Touchstone::parse_from(["touchstone", "run", "--strict"]).command,
            Some(Command::Run(RunArgs { strict: true, .. }))
        ));
    }

    #[test]
    fn a_report_names_its_kind() {
        assert_eq!(report_to("junit=a=b.xml"), Ok((Kind::Junit, "a=b.xml".into())));
        assert_eq!(report_to("pdf=x"), Err("`pdf` is no kind of report; the kinds are html, json, junit, markdown, sarif, text".into()));
        assert_eq!(report_to("json"), Err("a report is KIND=FILE, and the kinds are html, json, junit, markdown, sarif, text".into()));
        assert!(report_to("json=").is_err());
    }

    #[test]
    fn wrong_usage_is_2() {
        let error = Touchstone::try_parse_from(["touchstone", "run", "--jobs", "0"]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(Touchstone::try_parse_from(["touchstone", "--help"]).unwrap_err().exit_code(), 0);
    }
}
