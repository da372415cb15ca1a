use control_plane::{ControlPlane, Options, Program};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use serde_json::{from_value, json};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

#[tokio::test]
async fn a_restored_snapshot_takes_back_all_that_came_after_it() {
    let mut control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let client = control_plane.admin_client().unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let (url, etcd) = (control_plane.url().to_owned(), control_plane.process_id(Program::Etcd));
    let kept = create(&maps, "kept").await;
    let snapshot = control_plane.save().await.unwrap();
    assert_eq!(control_plane.process_id(Program::Etcd), etcd, "it ran on");
    // The first client, whose connection breaks, goes on after it; so does one made anew.
    for again in 0..2 {
        let late = create(&maps, "late").await;
        // A starting API server writes objects of its own. It must not get past the revision of the last one.
        for count in 0..500 {
            create(&maps, &format!("filler-{count}")).await;
        }
        let last = create(&maps, "last").await;
        control_plane.restore(&snapshot).await.unwrap();
        assert_eq!(control_plane.url(), url);
        let fresh: Api<ConfigMap> = Api::default_namespaced(control_plane.admin_client().unwrap());
        assert_eq!(fresh.get("kept").await.unwrap(), kept, "{again}");
        assert_eq!(maps.get_opt("late").await.unwrap(), None, "{again}");
        assert_eq!(maps.get_opt("last").await.unwrap(), None, "{again}");
        let other = create(&maps, "other").await;
        assert!(revision(&kept) < revision(&other), "{again}");
        assert!(revision(&other) <= revision(&last), "{again}: resource versions are given out again");
        assert_ne!(late.metadata.uid, other.metadata.uid);
    }
}

#[tokio::test]
async fn a_snapshot_in_the_middle_of_writes_has_every_answered_one() {
    let mut control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.admin_client().unwrap());
    let answered = Arc::new(AtomicUsize::new(0));
    let writing = tokio::spawn({
        let (maps, answered) = (maps.clone(), Arc::clone(&answered));
        async move {
            for count in 1.. {
                create(&maps, &format!("map-{count}")).await;
                answered.store(count, Ordering::SeqCst);
            }
        }
    });
    let is_past = async |count| {
        while answered.load(Ordering::SeqCst) <= count {
            tokio::time::sleep(POLL).await;
        }
    };
    timeout(DEADLINE, is_past(20)).await.unwrap();
    let before = answered.load(Ordering::SeqCst);
    let snapshot = control_plane.save().await.unwrap();
    let after = answered.load(Ordering::SeqCst);
    timeout(DEADLINE, is_past(after)).await.unwrap();
    writing.abort();
    control_plane.restore(&snapshot).await.unwrap();
    for count in 1..=before {
        maps.get(&format!("map-{count}")).await.unwrap();
    }
    // One more may have been written and not yet answered.
    assert_eq!(maps.get_opt(&format!("map-{}", after + 2)).await.unwrap(), None);
}

#[tokio::test]
async fn a_stopped_etcd_can_be_saved_and_a_dropped_snapshot_leaves_no_folder() {
    let mut control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.admin_client().unwrap());
    let kept = create(&maps, "kept").await;
    control_plane.stop_etcd().unwrap();
    let snapshot = control_plane.save().await.unwrap();
    assert_eq!(control_plane.process_id(Program::Etcd), None);
    control_plane.restore(&snapshot).await.unwrap();
    assert_eq!(maps.get("kept").await.unwrap(), kept);
    let saved = || {
        let entries = fs::read_dir(control_plane.directory()).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("etcd-saved-")).count()
    };
    assert_eq!(saved(), 1);
    drop(snapshot);
    assert_eq!(saved(), 0);
}

async fn create(maps: &Api<ConfigMap>, name: &str) -> ConfigMap {
    let map = from_value(json!({ "metadata": { "name": name } })).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap()
}

fn revision(map: &ConfigMap) -> u64 {
    map.metadata.resource_version.as_ref().unwrap().parse().unwrap()
}
