; A stand-in for meninx.exe in test_wine.sh: it writes what it was called with beside itself and ends.
Unicode true
Target amd64-unicode
RequestExecutionLevel user
SilentInstall silent
Name "dummy"
OutFile "${OUT}"
!include FileFunc.nsh
Section
  ${GetParameters} $0
  FileOpen $1 "$EXEDIR\called-with.txt" w
  FileWriteUTF16LE /BOM $1 "$0"
  FileClose $1
  ${GetOptions} $0 "/WAIT=" $2
  Sleep $2
SectionEnd
