// Package tributary is the language of the program: the words that the rooms
// of the house (microsoft, pipeline, siem, operator, cmd) use to speak to each
// other. It holds types, their validation and the interfaces between rooms,
// and imports nothing else of ours.
//
// A [Tenant] is one customer. A [Feed] is one tenant read through one
// [Source]. Reading it gives [Alert] values, each a version of one alert,
// which the pipeline commits to a durable stream and hands to every
// [Destination]'s [Sender].
package tributary
