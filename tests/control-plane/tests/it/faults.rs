use control_plane::{ControlPlane, Error, Options, Program};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use serde_json::{from_value, json};
use std::{net::TcpListener, pin::pin, time::Duration};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn what_was_stored_outlives_api_server_and_etcd() {
    let mut control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let kubeconfig = control_plane.user("ann", Some("system:masters")).unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.client_of(&kubeconfig).await.unwrap());
    let map = from_value(json!({ "metadata": { "name": "kept" } })).unwrap();
    let stored = maps.create(&PostParams::default(), &map).await.unwrap();

    control_plane.stop_api_server().unwrap();
    assert!(maps.get("kept").await.is_err());
    control_plane.stop_etcd().unwrap();
    control_plane.start_etcd().await.unwrap();
    control_plane.start_api_server().await.unwrap();
    assert_eq!(maps.get("kept").await.unwrap(), stored);

    control_plane.stop_etcd().unwrap();
    // The API server would think about it for half a minute.
    assert!(!matches!(timeout(SECOND, maps.get("kept")).await, Ok(Ok(_))));
    control_plane.start_etcd().await.unwrap();
    let asking = async {
        while !matches!(timeout(SECOND, maps.get("kept")).await, Ok(Ok(_))) {
            tokio::time::sleep(SECOND / 10).await;
        }
    };
    timeout(SECOND * 60, asking).await.unwrap();
}

#[tokio::test]
async fn a_frozen_api_server_or_etcd_answers_again_when_it_is_thawed() {
    let mut control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.admin_client().unwrap());
    let map = |name| from_value(json!({ "metadata": { "name": name } })).unwrap();
    for (program, name) in [(Program::KubeApiserver, "one"), (Program::Etcd, "two")] {
        control_plane.freeze(program).await.unwrap();
        assert!(control_plane.is_frozen(program));
        let params = PostParams::default();
        let map = map(name);
        let mut creating = pin!(maps.create(&params, &map));
        assert!(timeout(SECOND, &mut creating).await.is_err(), "{} answers", program.name());
        control_plane.thaw(program).await.unwrap();
        assert!(!control_plane.is_frozen(program));
        timeout(SECOND * 60, creating).await.unwrap().unwrap();
    }
    // There is nothing to freeze.
    control_plane.freeze(Program::KubeControllerManager).await.unwrap();
    assert!(!control_plane.is_frozen(Program::KubeControllerManager));
}

#[tokio::test]
async fn a_port_that_somebody_took_meanwhile_is_told() {
    let mut control_plane = ControlPlane::start(Options::default()).await.unwrap();
    control_plane.stop_api_server().unwrap();
    let address = control_plane.url().trim_start_matches("https://").to_owned();
    let _taken = TcpListener::bind(address).unwrap();
    let result = control_plane.start_api_server().await;
    assert!(matches!(result, Err(Error::PortTaken { .. })), "{result:?}");
}
