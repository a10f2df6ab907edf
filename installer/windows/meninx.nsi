; The installer for Windows: per user, no administrator needed. Made by make_installer.py, which defines
;   VERSION (1.2.3)  NUMBERS (1.2.3.0)  PAYLOAD (folder)  OUT (file)  ICON (file)  LISTS (file that names what lies in
;   the payload's top)  SIZE_KB, and where there is a certificate SIGN (a command that ends in a file's name).
;
; Switches: /S silent · /ALLUSERS for every user of this computer (needs administrator rights) · /D=FOLDER where to
;   (last, without quotation marks) · the uninstaller takes /S as well.
; Exit status: 0 done · 1 called off · 2 failed · 3 the folder holds other things · 5 Meninx is running ·
;   10 this Windows is too old · 740 administrator rights are needed.

Unicode true
Target amd64-unicode
ManifestDPIAware true
ManifestLongPathAware true
; each file by itself: a solid block would need the whole of it a second time on the disk
SetCompressor lzma
SetCompressorDictSize 32
RequestExecutionLevel user
CRCCheck force

!include MUI2.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include WinVer.nsh
!include x64.nsh
!include "${LISTS}"

!define NAME "Meninx"
!define EXE "meninx.exe"
!define CLI "meninx-cli.exe"
!define ARP "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
!define CLASSES "Software\Classes"
!define SHCNE_ASSOCCHANGED 0x08000000

Name "${NAME}"
OutFile "${OUT}"
BrandingText "${NAME} ${VERSION}"
ShowInstDetails nevershow
ShowUninstDetails nevershow
; empty unless /D= was given: .onInit says where to
InstallDir ""

VIProductVersion "${NUMBERS}"
VIFileVersion "${NUMBERS}"
VIAddVersionKey ProductName "${NAME}"
VIAddVersionKey ProductVersion "${VERSION}"
VIAddVersionKey FileVersion "${VERSION}"
VIAddVersionKey FileDescription "${NAME} Setup"
VIAddVersionKey CompanyName "The Meninx maintainers"
VIAddVersionKey LegalCopyright "Apache License 2.0"
VIAddVersionKey OriginalFilename "Meninx-${VERSION}-windows-x86_64.exe"

!ifdef SIGN
  !finalize '${SIGN} "%1"'
  !uninstfinalize '${SIGN} "%1"'
!endif

Var AllUsers
Var Before       ; where an installed copy lies
Var BeforeQuiet  ; how it is taken away

!define MUI_ICON "${ICON}"
!define MUI_UNICON "${ICON}"
!define MUI_ABORTWARNING
!define MUI_DIRECTORYPAGE_TEXT_TOP "$(WHAT)"
!define MUI_FINISHPAGE_RUN "$INSTDIR\${EXE}"
!define MUI_FINISHPAGE_RUN_TEXT "$(RUN)"
!define MUI_FINISHPAGE_NOREBOOTSUPPORT
!define MUI_UNCONFIRMPAGE_TEXT_TOP "$(KEPT)"
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE LeaveFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"

!macro WORDS name english german
  LangString ${name} ${LANG_ENGLISH} "${english}"
  LangString ${name} ${LANG_GERMAN} "${german}"
!macroend
!insertmacro WORDS WHAT "Meninx draws, learns and reviews masks of brain scans on this computer, without a network. For research only, not for diagnosis.$\r$\n$\r$\nNo administrator is needed. Your projects and settings are never kept in the program's folder." "Meninx zeichnet, lernt und prüft Masken von Hirnaufnahmen auf diesem Rechner, ohne Netz. Nur für die Forschung, nicht für die Diagnose.$\r$\n$\r$\nEs werden keine Administratorrechte gebraucht. Projekte und Einstellungen liegen nie im Programmordner."
!insertmacro WORDS RUN "Open Meninx now" "Meninx jetzt öffnen"
!insertmacro WORDS KEPT "The program goes, with a GPU pack if one was chosen. Your projects stay where you saved them. What belongs to you stays too:$\r$\n$LOCALAPPDATA\Meninx" "Das Programm wird entfernt, ein gewähltes GPU-Paket auch. Ihre Projekte bleiben, wo Sie sie gespeichert haben. Was Ihnen gehört, bleibt ebenfalls:$\r$\n$LOCALAPPDATA\Meninx"
!insertmacro WORDS RUNNING "Meninx is open. Close its window, then go on." "Meninx ist noch offen. Schließen Sie das Fenster, dann geht es weiter."
!insertmacro WORDS TAKEN "This folder holds other things. Choose an empty one, or a new one." "In diesem Ordner liegt anderes. Wählen Sie einen leeren oder einen neuen."
!insertmacro WORDS OLD "Meninx needs Windows 10 or newer, 64 bit." "Meninx braucht Windows 10 oder neuer, 64 Bit."
!insertmacro WORDS ADMIN "Installing for all users needs administrator rights. Start this as administrator, or leave /ALLUSERS out." "Für alle Benutzer zu installieren braucht Administratorrechte. Starten Sie als Administrator, oder lassen Sie /ALLUSERS weg."
!insertmacro WORDS FAILED "Some files could not be written. Is the disk full? Nothing of yours was touched; run this again to finish." "Einige Dateien ließen sich nicht schreiben. Ist der Datenträger voll? Von Ihren Daten wurde nichts berührt; starten Sie noch einmal."
!insertmacro WORDS OPENWITH "Open with Meninx" "Mit Meninx öffnen"
!insertmacro WORDS STAYS "Meninx was taken away. Your projects and settings are still there." "Meninx wurde entfernt. Ihre Projekte und Einstellungen sind noch da."

; Ends with an exit status; says why unless silent.
!macro GIVE_UP status words
  ${IfNot} ${Silent}
    MessageBox MB_OK|MB_ICONEXCLAMATION "${words}"
  ${EndIf}
  SetErrorLevel ${status}
  Quit
!macroend

; Whose installation this is: registry view and shell folders of all users or of this one.
!macro CONTEXT
  SetRegView 64
  ${If} $AllUsers == 1
    SetShellVarContext all
  ${Else}
    SetShellVarContext current
  ${EndIf}
!macroend

; Leaves 1 in $R9 where a file of a running program cannot be opened for writing.
!macro IS_RUNNING folder
  StrCpy $R9 0
  ${If} ${FileExists} "${folder}\${EXE}"
    ClearErrors
    FileOpen $R8 "${folder}\${EXE}" a
    ${If} ${Errors}
      StrCpy $R9 1
    ${Else}
      FileClose $R8
    ${EndIf}
  ${EndIf}
!macroend

; Waits for the person to close the window; silent, it gives up.
!macro NOT_WHILE_RUNNING folder
  ${Do}
    !insertmacro IS_RUNNING "${folder}"
    ${If} $R9 == 0
      ${ExitDo}
    ${EndIf}
    ${If} ${Silent}
      SetErrorLevel 5
      Quit
    ${EndIf}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(RUNNING)" IDRETRY +3
      SetErrorLevel 1
      Quit
  ${Loop}
!macroend

; Leaves 1 in $R9 where a folder holds things that are not ours.
Function HoldsOthers
  StrCpy $R9 0
  ${If} ${FileExists} "$INSTDIR\*.*"
  ${AndIfNot} ${FileExists} "$INSTDIR\uninstall.exe"
    FindFirst $R7 $R8 "$INSTDIR\*.*"
    ${DoWhile} $R8 != ""
      ${If} $R8 != "."
      ${AndIf} $R8 != ".."
        StrCpy $R9 1
      ${EndIf}
      FindNext $R7 $R8
    ${Loop}
    FindClose $R7
  ${EndIf}
FunctionEnd

Function LeaveFolder
  Call HoldsOthers
  ${If} $R9 == 1
    MessageBox MB_OK|MB_ICONEXCLAMATION "$(TAKEN)"
    Abort
  ${EndIf}
FunctionEnd

Function .onInit
  ${IfNot} ${AtLeastWin10}
  ${OrIfNot} ${RunningX64}
    !insertmacro GIVE_UP 10 "$(OLD)"
  ${EndIf}
  StrCpy $AllUsers 0
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/ALLUSERS" $R1
  ${IfNot} ${Errors}
    StrCpy $AllUsers 1
    UserInfo::GetAccountType
    Pop $R1
    ${If} $R1 != "Admin"
      !insertmacro GIVE_UP 740 "$(ADMIN)"
    ${EndIf}
  ${EndIf}
  !insertmacro CONTEXT
  ReadRegStr $Before SHCTX "${ARP}" "InstallLocation"
  ReadRegStr $BeforeQuiet SHCTX "${ARP}" "QuietUninstallString"
  ${If} $INSTDIR == ""
    ${If} $Before != ""
      StrCpy $INSTDIR $Before
    ${ElseIf} $AllUsers == 1
      StrCpy $INSTDIR "$PROGRAMFILES64\${NAME}"
    ${Else}
      StrCpy $INSTDIR "$LOCALAPPDATA\Programs\${NAME}"
    ${EndIf}
  ${EndIf}
  ${If} ${Silent}
    Call HoldsOthers
    ${If} $R9 == 1
      SetErrorLevel 3
      Quit
    ${EndIf}
  ${EndIf}
FunctionEnd

; A version that is there goes first, its files and its entries; nothing of the person's is touched.
Function TakeAwayBefore
  ${If} $Before != ""
  ${AndIf} ${FileExists} "$Before\uninstall.exe"
    !insertmacro NOT_WHILE_RUNNING "$Before"
    ; a copy of the uninstaller, so that its own file can go; _?= makes it wait
    InitPluginsDir
    CopyFiles /SILENT "$Before\uninstall.exe" "$PLUGINSDIR\before.exe"
    ExecWait '"$PLUGINSDIR\before.exe" /S /UPGRADE _?=$Before' $R0
    ${If} $R0 <> 0
      SetErrorLevel $R0
      Abort
    ${EndIf}
    Delete "$Before\uninstall.exe"
    RMDir "$Before"
  ${EndIf}
FunctionEnd

Section "Meninx" MAIN
  !insertmacro CONTEXT
  Call TakeAwayBefore
  !insertmacro NOT_WHILE_RUNNING "$INSTDIR"
  SetOutPath "$INSTDIR"
  ClearErrors
  ; first of all the way out: an installation that was broken off can be taken away or done again
  WriteUninstaller "$INSTDIR\uninstall.exe"
  Call WriteEntry
  SetOverwrite on
  File /r "${PAYLOAD}\*"
  ${If} ${Errors}
    ${IfNot} ${Silent}
      MessageBox MB_OK|MB_ICONSTOP "$(FAILED)"
    ${EndIf}
    SetErrorLevel 2
    Abort
  ${EndIf}
  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\${EXE}"
  Call WriteClasses
  System::Call 'shell32::SHChangeNotify(i ${SHCNE_ASSOCCHANGED}, i 0, p 0, p 0)'
SectionEnd

; What "Apps and features" shows.
Function WriteEntry
  WriteRegStr SHCTX "${ARP}" "DisplayName" "${NAME}"
  WriteRegStr SHCTX "${ARP}" "DisplayVersion" "${VERSION}"
  WriteRegStr SHCTX "${ARP}" "DisplayIcon" "$INSTDIR\${EXE}"
  WriteRegStr SHCTX "${ARP}" "Publisher" "The Meninx maintainers"
  WriteRegStr SHCTX "${ARP}" "InstallLocation" "$INSTDIR"
  WriteRegStr SHCTX "${ARP}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr SHCTX "${ARP}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD SHCTX "${ARP}" "EstimatedSize" ${SIZE_KB}
  WriteRegDWORD SHCTX "${ARP}" "NoModify" 1
  WriteRegDWORD SHCTX "${ARP}" "NoRepair" 1
FunctionEnd

; "Open with" only: what opened a scan before goes on opening it. Windows knows of .nii.gz only the .gz.
!macro OPEN_WITH ending
  WriteRegStr SHCTX "${CLASSES}\${ending}\OpenWithProgids" "Meninx.Scan" ""
  WriteRegStr SHCTX "${CLASSES}\Applications\${EXE}\SupportedTypes" "${ending}" ""
!macroend

Function WriteClasses
  WriteRegStr SHCTX "${CLASSES}\Meninx.Scan" "" "Brain scan"
  WriteRegStr SHCTX "${CLASSES}\Meninx.Scan\DefaultIcon" "" "$INSTDIR\${EXE},0"
  WriteRegStr SHCTX "${CLASSES}\Meninx.Scan\shell\open\command" "" '"$INSTDIR\${EXE}" "%1"'
  WriteRegStr SHCTX "${CLASSES}\Meninx.Project" "" "Meninx project"
  WriteRegStr SHCTX "${CLASSES}\Meninx.Project\DefaultIcon" "" "$INSTDIR\${EXE},0"
  WriteRegStr SHCTX "${CLASSES}\Meninx.Project\shell\open\command" "" '"$INSTDIR\${EXE}" "%1"'
  WriteRegStr SHCTX "${CLASSES}\.meninx" "" "Meninx.Project"
  WriteRegStr SHCTX "${CLASSES}\.meninx\OpenWithProgids" "Meninx.Project" ""
  WriteRegStr SHCTX "${CLASSES}\Applications\${EXE}" "FriendlyAppName" "${NAME}"
  WriteRegStr SHCTX "${CLASSES}\Applications\${EXE}\shell\open\command" "" '"$INSTDIR\${EXE}" "%1"'
  !insertmacro OPEN_WITH ".nii"
  !insertmacro OPEN_WITH ".gz"
  !insertmacro OPEN_WITH ".dcm"
  ; a project is a folder, and so is a DICOM series
  WriteRegStr SHCTX "${CLASSES}\Directory\shell\Meninx" "" "$(OPENWITH)"
  WriteRegStr SHCTX "${CLASSES}\Directory\shell\Meninx" "Icon" "$INSTDIR\${EXE},0"
  WriteRegStr SHCTX "${CLASSES}\Directory\shell\Meninx\command" "" '"$INSTDIR\${EXE}" "%1"'
FunctionEnd

; ------------------------------------------------------------------------------------------------- taking away

Function un.onInit
  StrCpy $AllUsers 0
  SetRegView 64
  ; installed for all users if their entry names this folder
  ReadRegStr $R0 HKLM "${ARP}" "InstallLocation"
  ${If} $R0 == $INSTDIR
    StrCpy $AllUsers 1
    UserInfo::GetAccountType
    Pop $R1
    ${If} $R1 != "Admin"
      !insertmacro GIVE_UP 740 "$(ADMIN)"
    ${EndIf}
  ${EndIf}
  !insertmacro CONTEXT
FunctionEnd

!macro un.OPEN_WITH ending
  DeleteRegValue SHCTX "${CLASSES}\${ending}\OpenWithProgids" "Meninx.Scan"
  DeleteRegKey /ifempty SHCTX "${CLASSES}\${ending}\OpenWithProgids"
  DeleteRegKey /ifempty SHCTX "${CLASSES}\${ending}"
!macroend

Section "Uninstall"
  !insertmacro CONTEXT
  !insertmacro NOT_WHILE_RUNNING "$INSTDIR"
  ; only what the payload holds, by name: what a person put into this folder stays, and the folder with it
  !insertmacro REMOVE_PAYLOAD
  Delete "$SMPROGRAMS\${NAME}.lnk"
  DeleteRegKey SHCTX "${CLASSES}\Meninx.Scan"
  DeleteRegKey SHCTX "${CLASSES}\Meninx.Project"
  DeleteRegKey SHCTX "${CLASSES}\Applications\${EXE}"
  DeleteRegKey SHCTX "${CLASSES}\Directory\shell\Meninx"
  ReadRegStr $R0 SHCTX "${CLASSES}\.meninx" ""
  ${If} $R0 == "Meninx.Project"
    DeleteRegKey SHCTX "${CLASSES}\.meninx"
  ${EndIf}
  !insertmacro un.OPEN_WITH ".nii"
  !insertmacro un.OPEN_WITH ".gz"
  !insertmacro un.OPEN_WITH ".dcm"
  DeleteRegKey SHCTX "${ARP}"
  System::Call 'shell32::SHChangeNotify(i ${SHCNE_ASSOCCHANGED}, i 0, p 0, p 0)'
  ${GetParameters} $R0
  ClearErrors
  ${GetOptions} $R0 "/UPGRADE" $R1
  ${If} ${Errors}
    ; a GPU pack is a part of the program: gigabytes that nobody would find again
    SetShellVarContext current
    RMDir /r "$LOCALAPPDATA\Meninx\packs"
    Delete "$LOCALAPPDATA\Meninx\torchpack.json"
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
    ${IfNot} ${Silent}
      MessageBox MB_OK|MB_ICONINFORMATION "$(STAYS)$\r$\n$LOCALAPPDATA\Meninx"
    ${EndIf}
  ${EndIf}
SectionEnd
