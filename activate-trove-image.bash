#!/bin/sh
exec "$(dirname "$0")/trovestack" image activate "$@"
