// Package setup writes the files that an engineer fills in by hand in
// Microsoft's MSSP procedure, so that a SIEM can pull a customer's alerts
// itself: the two files of ArcSight's REST FlexConnector, and the
// authentication properties and the input of Splunk's REST API Modular Input,
// each with a page for the engineer who installs them.
//
// The files point at Microsoft's SIEM REST API, or at Tributary's endpoint of
// the same shape ([Input].Via). They hold the application's secret and the
// refresh token in clear, because that is what the connectors read: [Write]
// and [Bundle] keep them to their owner.
//
// Facts: Microsoft's configure-arcsight, configure-splunk, api-portal-mapping
// and pull-alerts-using-rest-api; OpenText's FlexConnector guides for the
// parser's grammar; the add-on's own inputs.conf.spec and rest.py (2.0.9).
package setup
