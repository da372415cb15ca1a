// The rules and the dashboard as a mixin (https://monitoring.mixins.dev): add it to those that your Jsonnet imports. It reads two files of
// this repository, so vendor all of it, not this folder alone.
{
  prometheusAlerts+:: std.parseYaml(importstr 'rules.yaml'),
  grafanaDashboards+:: {
    'github-pat-operator.json': import '../../charts/github-pat-operator/dashboards/github-pat-operator.json',
  },
}
