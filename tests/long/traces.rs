//! An OpenTelemetry Collector, built from its Go modules, takes the traces of an operator.

use std::{fs, time::Duration};

use control_plane::{Guarded, Launch};
use github_simulator::NewToken;
use serde_json::json;

use crate::{
    programs,
    world::{SOON, World, free_address},
};

#[tokio::test]
async fn a_collector_of_opentelemetry_takes_the_traces_and_may_come_late() {
    let Some(program) = programs::built("collector", ".") else {
        assert!(programs::installed("go").is_none(), "the collector cannot be built");
        return;
    };
    let world = World::start().await;
    let address = free_address();
    let traces = format!("tracesEndpoint: http://{address}\n");
    let operator = world.operator_with_settings(&(world.settings() + &traces)).await;
    let token = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &token).await;
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "publish": publish })).await;
    world.ready("ci", "True", "Ready").await;
    operator.until_logged("traces cannot be sent, and are dropped until they can").await;

    let config = json!({
        "receivers": { "otlp": { "protocols": { "http": { "endpoint": address } } } },
        "exporters": { "debug": { "verbosity": "detailed" } },
        "service": {
            "telemetry": { "metrics": { "level": "none" } },
            "pipelines": { "traces": { "receivers": ["otlp"], "exporters": ["debug"] } },
        },
    });
    let (config, log) = (world.file("collector.yaml", &config.to_string()), world.file("collector.log", ""));
    let launch =
        Launch::new(program).arguments([format!("--config=file:{}", config.display())]).output(&log, &log);
    let _collector = Guarded::spawn(&launch).unwrap();
    operator.until_logged("traces are sent again").await;
    let printed = async {
        loop {
            let text = fs::read_to_string(&log).unwrap();
            let wanted = [
                ": reconcile\n",
                ": ask GitHub\n",
                ": report\n",
                "-> host: Str(simulated)",
                "-> status: Int(200)",
                "Links:",
            ];
            if wanted.iter().all(|words| text.contains(words)) {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let printed = tokio::time::timeout(SOON, printed).await;
    let text = printed.unwrap_or_else(|_| panic!("{}", fs::read_to_string(&log).unwrap()));
    assert!(text.contains("service.name: Str(github-pat-operator)"), "{text}");
    assert!(!text.contains(&token[4..]), "a token shows in a trace");
}
