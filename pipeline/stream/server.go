package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// maxPayload is the largest message, body and envelope together.
const maxPayload = 8 << 20

// embedded is the NATS server inside this process. It can be restarted under
// its connections: after a write error JetStream stays broken even when the
// disk has room again, and only a fresh server recovers.
type embedded struct {
	opts *server.Options
	log  *slog.Logger

	mu  sync.Mutex
	srv *server.Server
}

func startEmbedded(dir string, atRest []byte, nkey nkeys.KeyPair, log *slog.Logger) (*embedded, error) {
	public, err := nkey.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("read the command key: %w", err)
	}
	e := &embedded{
		log: log,
		opts: &server.Options{
			ServerName: "tributary",
			// Loopback only, for our own commands; the nkey below is the way in.
			Host:      "127.0.0.1",
			Port:      server.RANDOM_PORT,
			Nkeys:     []*server.NkeyUser{{Nkey: public}},
			JetStream: true,
			// JetStream's own limit is three quarters of the disk's free space at
			// the start, and it refuses to make streams whose sizes sum up to more.
			// Ours is the reserve of free space, looked at before each commit.
			JetStreamMaxStore: 1 << 50,
			StoreDir:          filepath.Join(dir, "jetstream"),
			SyncAlways:        true,
			MaxPayload:        maxPayload,
			NoSigs:            true,
			NoLog:             true,
			JetStreamLimits: server.JSLimitOpts{
				// Stays above mostInFlight of ours: several commands may commit too.
				MaxBatchInflightPerStream: 100,
			},
		},
	}
	if len(atRest) > 0 {
		e.opts.JetStreamCipher = server.AES
		e.opts.JetStreamKey = string(atRest)
	}
	return e, e.start()
}

func (e *embedded) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	// The server fills in what it chose (its port) and keeps the pointer: give
	// each start a copy, but keep the port, which running commands know. Unless
	// somebody else has taken it meanwhile.
	if e.opts.Port > 0 && !free(e.opts.Port) {
		e.opts.Port = server.RANDOM_PORT
	}
	opts := *e.opts
	srv, err := server.NewServer(&opts)
	if err != nil {
		return fmt.Errorf("make the embedded NATS server: %w", err)
	}
	srv.SetLoggerV2(serverLog{e.log}, false, false, false)
	go srv.Start()
	if !srv.ReadyForConnections(30 * time.Second) {
		srv.Shutdown()
		srv.WaitForShutdown()
		return errors.New("start the embedded NATS server: not ready after 30 s")
	}
	if !srv.JetStreamEnabled() {
		srv.Shutdown()
		srv.WaitForShutdown()
		return errors.New("start the embedded NATS server: JetStream did not start; the log above says why")
	}
	if addr, ok := srv.Addr().(*net.TCPAddr); ok {
		e.opts.Port = addr.Port
	}
	e.srv = srv
	return nil
}

func (e *embedded) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}
}

func (e *embedded) restart() error {
	e.stop()
	return e.start()
}

// free reports whether nobody listens on a loopback port.
func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// InProcessConn makes a connection that needs no socket, to whichever server
// is the present one.
func (e *embedded) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.srv.InProcessConn()
}

func (e *embedded) url() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return fmt.Sprintf("nats://127.0.0.1:%d", e.opts.Port)
}

// connect joins the embedded server, or the one at url when e is nil.
func connect(e *embedded, url string, nkey nkeys.KeyPair, log *slog.Logger) (*nats.Conn, error) {
	public, err := nkey.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("read the command key: %w", err)
	}
	opts := []nats.Option{
		nats.Name("tributary"),
		nats.Nkey(public, nkey.Sign),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50 * time.Millisecond),
		nats.ReconnectJitter(50*time.Millisecond, 50*time.Millisecond),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectBufSize(-1), // a publish while disconnected fails at once: the caller keeps the alerts
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Debug("stream connection", "err", err)
		}),
	}
	if e != nil {
		opts = append(opts, nats.InProcessServer(e))
		url = ""
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to the stream: %w", err)
	}
	return nc, nil
}

// serverLog passes the embedded server's log on to ours. What it calls a
// notice is detail to an operator of Tributary.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l serverLog) Warnf(format string, v ...any)   { l.log.Warn(fmt.Sprintf(format, v...)) }
func (l serverLog) Fatalf(format string, v ...any)  { l.log.Error(fmt.Sprintf(format, v...)) }
func (l serverLog) Errorf(format string, v ...any)  { l.log.Error(fmt.Sprintf(format, v...)) }
func (l serverLog) Debugf(format string, v ...any)  { l.log.Debug(fmt.Sprintf(format, v...)) }
func (l serverLog) Tracef(string, ...any)           {}
