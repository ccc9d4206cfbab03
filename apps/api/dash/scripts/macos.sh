#!/bin/sh
echo 'There is no installer for macOS yet: {{base}} bundles an agent for Linux.' >&2
exit 1
