#!/bin/sh
# Run a program as the sidecar's container does, in a mount namespace of its own: sh container.sh HOME ACCOUNT PROGRAM...
#
# HOME is the volume that is mounted at /home/jovyan, ACCOUNT the folder with the service account's files; "" for none.
# All other file systems are read-only. No user has an entry in /etc/passwd, as in the image.
set -eu
home=$1 account=$2
shift 2

mount -t tmpfs tmpfs /home
if [ -n "$home" ]; then
  mkdir /home/jovyan
  mount --bind "$home" /home/jovyan
fi
mount -t tmpfs tmpfs /run
echo "root:x:0:0:root:/root:/sbin/nologin" > /run/passwd
mount --bind /run/passwd /etc/passwd
if [ -n "$account" ]; then
  mkdir -p /run/secrets/kubernetes.io/serviceaccount
  mount --bind "$account" /run/secrets/kubernetes.io/serviceaccount
fi
while read -r _ place _; do
  case $place in
    /home/jovyan | /proc | /proc/* | /sys | /sys/* | /dev/pts) ;;
    *) mount -o remount,bind,ro "$place" ;;
  esac
done < /proc/self/mounts
cd /
exec setpriv --reuid=1000 --regid=100 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
