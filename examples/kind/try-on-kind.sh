#!/bin/sh
# Try nbargo on a laptop: a cluster in Docker with Argo Workflows, zero-to-jupyterhub and nbargo.
set -eu

cluster=nbargo
context=kind-$cluster
namespace=jhub
argo=v3.7.3
jupyterhub=4.4.0
port=${PORT:-8000}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() {
  cat << EOF
usage: try-on-kind.sh [--delete | --help]

Makes a kind cluster '$cluster' with Argo Workflows $argo, zero-to-jupyterhub $jupyterhub and nbargo of this repository,
says which address to open, and forwards it until Ctrl-C. It may be run again, after a change of the code too. It needs
docker, kind, kubectl, helm and make, and takes about ten minutes, 4 GB of memory and 8 GB of disk the first time.

  --delete  remove the cluster, with all homes in it
  --help    show this

environment:
  PORT      port of 127.0.0.1 to open JupyterHub at (default: 8000)
EOF
}

say() {
  echo "--- $*"
}

fail() {
  echo "try-on-kind.sh: $*" >&2
  exit 2
}

need() {
  command -v "$1" > /dev/null || fail "there is no '$1': $2"
}

need_all() {
  need docker "install Docker, see https://docs.docker.com/get-docker"
  need kind "install kind, see https://kind.sigs.k8s.io/docs/user/quick-start"
  need kubectl "install kubectl, see https://kubernetes.io/docs/tasks/tools"
  need helm "install Helm 3.10 or newer, see https://helm.sh/docs/intro/install"
  need make "install make; it builds the images"
  docker info > /dev/null 2>&1 || fail "'docker info' fails: start Docker"
}

exists() {
  kind get clusters 2> /dev/null | grep -qx "$cluster"
}

kube() {
  kubectl --context "$context" "$@"
}

chart() {
  helm --kube-context "$context" upgrade --install --namespace "$namespace" "$@"
}

make_namespace() {
  kube create namespace "$1" --dry-run=client --output yaml | kube apply --filename -
}

# The API server's addresses as a JSON list: zero-to-jupyterhub keeps labs from all that are not named.
api_server() {
  service=$(kube get service kubernetes --namespace default --output 'jsonpath={.spec.clusterIP}')
  endpoints=$(kube get endpointslices --namespace default --selector kubernetes.io/service-name=kubernetes \
    --output 'jsonpath={.items[*].endpoints[*].addresses[*]}')
  list=
  for address in $service $endpoints; do
    list="$list${list:+,}\"$address/32\""
  done
  echo "[$list]"
}

install_all() {
  exists || kind create cluster --name "$cluster" --wait 180s

  say "Images"
  tag=$(sed -n 's/^appVersion: //p' "$root/helm/nbargo/Chart.yaml")
  make --no-print-directory -C "$root" images ENGINE=docker TAG="$tag"
  kind load docker-image --name "$cluster" "nbargo-watcher:$tag" "nbargo-lab:$tag"

  say "Argo Workflows $argo"
  make_namespace argo
  kube apply --server-side --force-conflicts --namespace argo \
    --filename "https://github.com/argoproj/argo-workflows/releases/download/$argo/install.yaml"
  kube rollout status deployment/workflow-controller --namespace argo --timeout 300s

  say "nbargo"
  make_namespace "$namespace"
  addresses=$(api_server)
  chart nbargo "$root/helm/nbargo" --values "$here/nbargo.yaml" --set-json "networkPolicy.apiServer.cidrs=$addresses"
  values=$(mktemp)
  trap 'rm -f "$values"' EXIT
  kube get configmap nbargo-z2jh --namespace "$namespace" --output 'jsonpath={.data.values\.yaml}' > "$values"

  say "zero-to-jupyterhub $jupyterhub"
  chart jhub jupyterhub --repo https://hub.jupyter.org/helm-chart/ --version "$jupyterhub" \
    --values "$here/jupyterhub.yaml" --values "$values" --set "singleuser.image.tag=$tag" --wait --timeout 15m
}

case ${1:-} in
  --help | -h)
    usage
    ;;
  --delete)
    need kind "install kind, see https://kind.sigs.k8s.io/docs/user/quick-start"
    kind delete cluster --name "$cluster"
    ;;
  "")
    need_all
    install_all
    say "Open http://127.0.0.1:$port and log in with any name of small letters and the password 'nbargo'."
    say "What has changed since comes to a server that runs when it is stopped and started. Ctrl-C ends the forwarding."
    kube port-forward --namespace "$namespace" service/proxy-public "$port:http"
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac
