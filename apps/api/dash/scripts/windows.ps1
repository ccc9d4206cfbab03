Write-Error 'There is no installer for Windows yet: {{base}} bundles an agent for Linux.'
exit 1
