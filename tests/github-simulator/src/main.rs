//! Runs a simulated GitHub from a YAML file, to try the operator against it by hand.

use github_simulator::Simulator;
use std::{
    env,
    error::Error,
    fs,
    future::pending,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

const USAGE: &str = "\
usage: github-simulator --config FILE.yaml [--listen 127.0.0.1:0] [--tls] [--ca-file FILE.pem] [--print-tokens]
                        [--counts-only]

  --config FILE.yaml   accounts, what they own and use, and changes to begin with; example.yaml explains them
  --listen ADDRESS     a loopback address and port; port 0, the default, is a free one
  --tls                serve https://localhost:PORT with a certificate authority made at the start
  --ca-file FILE.pem   where to write the certificate of that authority
  --print-tokens       print each token as `name: text`
  --counts-only        keep no log of calls, only the statistics
";

/// What the command line asks for.
struct Arguments {
    config: PathBuf,
    listen: SocketAddr,
    tls: bool,
    ca_file: Option<PathBuf>,
    print_tokens: bool,
    counts_only: bool,
}

impl Arguments {
    /// The arguments, or a sentence that names the wrong one; `None` if the usage is asked for.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
        let mut config = None;
        let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (mut tls, mut ca_file, mut print_tokens, mut counts_only) = (false, None, false, false);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--config" => config = Some(PathBuf::from(value()?)),
                "--listen" => {
                    let text = value()?;
                    listen =
                        text.parse().map_err(|_| format!("--listen: `{text}` is not like 127.0.0.1:8080"))?;
                }
                "--tls" => tls = true,
                "--ca-file" => ca_file = Some(PathBuf::from(value()?)),
                "--print-tokens" => print_tokens = true,
                "--counts-only" => counts_only = true,
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("there is no argument {other}")),
            }
        }
        let config = config.ok_or("--config is missing")?;
        if ca_file.is_some() && !tls {
            return Err("--ca-file needs --tls".to_owned());
        }
        Ok(Some(Arguments { config, listen, tls, ca_file, print_tokens, counts_only }))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(io::stderr(), "github-simulator: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(arguments) = Arguments::parse(env::args().skip(1))? else {
        return Ok(io::stdout().write_all(USAGE.as_bytes())?);
    };
    let simulator = Simulator::start_on(arguments.listen, arguments.tls).await?;
    simulator.keep_calls(!arguments.counts_only);
    simulator.configure(&arguments.config)?;
    if let (Some(path), Some(pem)) = (arguments.ca_file, simulator.ca_pem()) {
        fs::write(&path, pem).map_err(|why| format!("cannot write {}: {why}", path.display()))?;
    }
    let mut out = io::stdout();
    if arguments.print_tokens {
        for (name, text) in simulator.token_texts() {
            writeln!(out, "{name}: {text}")?;
        }
    }
    // Last, so that who reads it finds all the rest done.
    writeln!(out, "{}", simulator.url())?;
    out.flush()?;
    pending().await
}
