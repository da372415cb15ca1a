use crate::{again, process};
use control_plane::{ControlPlane, Options};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    thread,
};

#[tokio::test]
async fn a_started_control_plane_answers_with_the_pinned_version() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let client = control_plane.admin_client().unwrap();
    Api::<Namespace>::all(client.clone()).get("default").await.unwrap();
    let version = client.apiserver_version().await.unwrap();
    assert_eq!(version.git_version, control_plane::Program::KubeApiserver.version().unwrap());
}

#[tokio::test]
async fn control_planes_started_at_once_do_not_share_anything() {
    let options = Options::default();
    let (one, other) = tokio::try_join!(ControlPlane::start(options), ControlPlane::start(options)).unwrap();
    assert_ne!(one.url(), other.url());
    // Nor does a third one, which begins with what an API server of this process had written.
    let third = ControlPlane::start(options).await.unwrap();
    let all = [&one, &other, &third].map(|plane| Api::<Namespace>::all(plane.admin_client().unwrap()));
    let made: Namespace =
        serde_json::from_value(serde_json::json!({ "metadata": { "name": "made" } })).unwrap();
    let mut later = all.iter();
    while let Some(namespaces) = later.next() {
        namespaces.create(&PostParams::default(), &made).await.unwrap();
        for other in later.clone() {
            assert!(other.get_opt("made").await.unwrap().is_none());
        }
    }
    let mut names: Vec<_> = all[2]
        .list(&ListParams::default())
        .await
        .unwrap()
        .into_iter()
        .filter_map(|it| it.metadata.name)
        .collect();
    names.sort();
    assert_eq!(names, ["default", "kube-node-lease", "kube-public", "kube-system", "made"]);
}

#[tokio::test]
async fn a_dropped_control_plane_leaves_no_process_and_no_folder() {
    let control_plane =
        ControlPlane::start(Options { controller_manager: true, ..Options::default() }).await.unwrap();
    let (ids, folder) = (control_plane.process_ids(), control_plane.directory().to_owned());
    assert!(ids.len() == 3 && ids.iter().all(|id| process::runs(*id)), "{ids:?}");
    assert!(folder.exists());
    drop(control_plane);
    assert!(!ids.iter().any(|id| process::runs(*id)), "{ids:?}");
    assert!(!folder.exists());
}

#[test]
fn a_killed_test_process_leaves_no_process_and_no_folder() {
    let mut owner = again::command("life::holds_a_control_plane").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ids = lines.find_map(|line| line.strip_prefix("processes ").map(str::to_owned)).unwrap();
    let ids: Vec<u32> = ids.split(' ').map(|id| id.parse().unwrap()).collect();
    let folder = lines.find_map(|line| line.strip_prefix("folder ").map(str::to_owned)).unwrap();
    assert!(ids.len() == 3 && ids.iter().all(|id| process::runs(*id)), "{ids:?}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    for id in ids {
        process::await_end(&format!("process {id}"), || !process::runs(id));
    }
    process::await_end("the folder", || !Path::new(&folder).exists());
    process::await_end("a guard", || !guards(&folder));
}

#[tokio::test]
#[ignore = "run by a_killed_test_process_leaves_no_process_and_no_folder"]
async fn holds_a_control_plane() {
    if again::runs() {
        let options = Options { audit: true, controller_manager: true, ..Options::default() };
        let control_plane = ControlPlane::start(options).await.unwrap();
        let ids: Vec<String> = control_plane.process_ids().iter().map(u32::to_string).collect();
        again::say(&format!("processes {}", ids.join(" ")));
        again::say(&format!("folder {}", control_plane.directory().display()));
        thread::park();
    }
}

/// Whether the arguments of any process name the folder.
fn guards(folder: &str) -> bool {
    let commands = fs::read_dir("/proc").unwrap().flatten();
    commands
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .any(|command| String::from_utf8_lossy(&command).contains(folder))
}
