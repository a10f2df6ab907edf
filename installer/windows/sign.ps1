# Signs one file: sign.ps1 FILE. The key is $env:RUNNER_TEMP\meninx.pfx, its password $env:MENINX_PFX_PASSWORD; without
# a time stamp ($env:MENINX_TIMESTAMP_URL) a signature ends with its certificate, so there is none without.
param([Parameter(Mandatory = $true)][string]$File)
$ErrorActionPreference = "Stop"
if (-not $env:MENINX_TIMESTAMP_URL) { Write-Error "TIMESTAMP_URL is not set"; exit 1 }
$tool = Get-ChildItem "${env:ProgramFiles(x86)}\Windows Kits\10\bin\*\x64\signtool.exe" | Sort-Object FullName | Select-Object -Last 1
if (-not $tool) { Write-Error "signtool was not found"; exit 1 }
& $tool.FullName sign /fd SHA256 /td SHA256 /tr $env:MENINX_TIMESTAMP_URL /d "Meninx" `
    /f "$env:RUNNER_TEMP\meninx.pfx" /p $env:MENINX_PFX_PASSWORD $File
exit $LASTEXITCODE
