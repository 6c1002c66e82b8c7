// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/config/Network.h"
#include "shared/schema/Schema.h"

#include <QtCore/QByteArray>
#include <QtCore/QString>
#include <QtNetwork/QHostAddress>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

/// The whole configuration of one instant, read and checked as a whole.
///
/// Handed out as `std::shared_ptr<const Config>`; a reload hands out a new one and running
/// transactions finish on the old. Every field has its default, unit and range in shared/schema
/// (`pmgConfSections()`), the only place where they are written; the initialisers here merely avoid
/// undefined values and are overwritten by the loader.
namespace portcullis::config {

enum class Protocol { Smtp, Lmtp };
enum class BareNewline { Reject, Replace };
enum class Dmarc { Off, Mark, Enforce };

/// Where mail of a destination goes next. `host` is a DNS name or an address without brackets.
struct NextHop {
    Protocol protocol = Protocol::Smtp;
    QByteArray host;
    quint16 port = 25;
    bool useMx = true;  ///< Look up MX of `host`; false where it was written in brackets.

    /// As written in a transport map, without protocol: `[host]:25`. Key of tls_policy, too.
    [[nodiscard]] QByteArray toText() const;
    friend bool operator==(const NextHop &, const NextHop &) = default;
};

/// Section mail of pmg.conf.
struct MailSettings {
    // Listening. Port 0 (only by option) means: choose a free one.
    std::vector<QHostAddress> listen;  ///< Empty: all addresses, IPv4 and IPv6.
    quint16 extPort = 25;
    quint16 intPort = 26;
    QByteArray banner;
    qint64 maxSize = 0;  ///< Bytes of a message.
    int maxSmtpdIn = 0;  ///< Sessions at once on the external port, all clients together.
    int maxSmtpdOut = 0;
    int connCountLimit = 0;      ///< Sessions at once of one client; 0 = off.
    int connRateLimit = 0;       ///< New sessions of one client a minute; 0 = off.
    int messageRateLimit = 0;    ///< Messages of one client a minute; 0 = off.
    int recipientRateLimit = 0;  ///< Recipients of one client a minute; 0 = off.
    int clientLimitMask4 = 32;   ///< Prefix of the network that these limits count as one client.
    int clientLimitMask6 = 64;
    std::chrono::seconds greetWait{};  ///< Before the greeting, for clients not known yet.
    int maxFilters = 0;                ///< Messages that are filtered at once.
    int maxPolicy = 0;
    bool smtpUtf8 = true;
    BareNewline bareNewline = BareNewline::Reject;
    std::vector<Network> xclientHosts;  ///< May use XCLIENT and XFORWARD.
    int recipientLimit = 0;             ///< RCPT of one transaction (RFC 5321 §4.5.3.1.8).
    int errorLimit = 0;                 ///< Refused commands until 421.
    int hopcountLimit = 0;              ///< Received fields until the message counts as looping.
    std::chrono::seconds commandTimeout{};
    std::chrono::seconds dataTimeout{};
    std::chrono::seconds sessionTimeout{};    ///< From connect to QUIT, in all.
    std::chrono::seconds handshakeTimeout{};  ///< STARTTLS.
    qint64 minDataRate = 0;                   ///< Bytes a second below which DATA is ended.
    int threads = 0;                          ///< Event-loop threads; 0 = one per processor.

    // Checks.
    bool contentFilter = true;  ///< False: everything is relayed unseen.
    bool beforeQueueFiltering = true;
    std::chrono::seconds filterTimeout{};
    std::chrono::seconds beforeQueueTimeout{};  ///< Then the message is queued and filtered later.
    bool acceptBrokenMime = false;
    bool ndrOnBlock = false;
    bool hideReceived = false;
    bool logHeaders = false;
    bool greylist = true;
    bool greylist6 = false;
    std::chrono::seconds greylistDelay{};
    int greylistMask4 = 24;
    int greylistMask6 = 64;
    bool heloTests = false;
    bool rejectUnknown = false;
    bool rejectUnknownSender = false;
    bool spf = true;
    std::chrono::seconds spfTimeout{};
    Dmarc dmarc = Dmarc::Mark;
    std::vector<QByteArray> arcTrustedSealers;  ///< Domains, lower case.
    bool useRbl = true;
    QByteArray dnsblSites;
    int dnsblThreshold = 1;
    int verifyReceivers = 0;  ///< 0 = off, 450 or 550.
    std::chrono::days receiverPositiveLifetime{};
    std::chrono::hours receiverNegativeLifetime{};

    // Behind Postfix: content filter and policy service on loopback instead of the mail ports.
    bool behindPostfix = false;
    quint16 filterPortIn = 10024;
    quint16 filterPortOut = 10023;
    quint16 reinjectPort = 10025;
    quint16 policyPort = 10022;

    // TLS.
    bool tls = false;  ///< Opportunistic, in and out.
    bool tlsLog = false;
    bool tlsHeader = false;
    QString tlsCaFile;
    bool tlsDane = true;  ///< DANE where no policy of the table says otherwise.
    bool mtaSts = true;

    // Delivery.
    std::optional<NextHop> relay;       ///< For relay domains without transport.
    std::optional<NextHop> smarthost;   ///< For everything else; none: MX.
    std::chrono::hours delayWarning{};  ///< 0 = none.
    std::chrono::hours queueLifetime{};
    std::chrono::hours bounceLifetime{};
    std::chrono::seconds minimalBackoff{};
    std::chrono::seconds maximalBackoff{};
    int destinationConcurrency = 0;  ///< Connections to one next hop at once.
    int deliveryConcurrency = 0;     ///< Connections in all.
    int messagesPerConnection = 0;
    std::chrono::seconds connectTimeout{};
    std::chrono::seconds deliveryTimeout{};  ///< Per command; RFC 5321 §4.5.3.2.
    std::chrono::seconds idleTimeout{};      ///< How long an unused connection is kept.
    qint64 minFreeSpace = 0;                 ///< Bytes below which 452 is answered.

    // DNS.
    std::vector<QString> dnsServers;  ///< Empty: /etc/resolv.conf.
    std::chrono::seconds dnsTimeout{};
    QString dnsTrustAnchor;
};

/// Section admin.
struct AdminSettings {
    QByteArray email;     ///< Macro __ADMIN__.
    QByteArray mailFrom;  ///< From: of our own mail, `Name <address>` or `Name <postmaster>`.
    bool advFilter = false;
    bool avast = false;
    QString avastPath;
    bool clamav = true;
    bool customCheck = false;
    QString customCheckPath;
    std::chrono::seconds scannerTimeout{};      ///< ClamAV and Avast, a message.
    std::chrono::seconds customCheckTimeout{};  ///< A message.
    bool dailyReport = true;
    bool demo = false;  ///< Send nothing out.
    bool dkimSign = false;
    bool dkimSignAllMail = false;
    QByteArray dkimSelector;
    QByteArray dkimUseDomain;
    QByteArray httpProxy;
    QByteArray consentText;
    std::chrono::days statLifetime{};
    QByteArray databaseDsn;  ///< libpq conninfo; empty: the private or local PostgreSQL.
};

/// Section spam.
struct SpamSettings {
    int bounceScore = 0;
    int clamavHeuristicScore = 3;
    bool extractText = false;
    QByteArray languages;
    bool learnsFromQuarantine = false;
    qint64 maxSpamSize = 0;  ///< Bytes.
    bool rblChecks = true;
    QString rulesFolder;
    bool useAwl = false;
    bool useBayes = false;
    bool useRazor = true;
    bool useTxRep = false;  ///< Instead of AWL.
    QByteArray welcomeBounceRelays;
};

/// Sections spamquar and virusquar; the latter has only the first three.
struct QuarantineSettings {
    std::chrono::days lifetime{};
    bool allowHrefs = true;
    QByteArray viewImages;
    QByteArray authMode;
    QByteArray hostName;
    QByteArray mailFrom;
    quint16 port = 8006;
    QByteArray protocol;
    bool quarantineLink = false;
    QByteArray reportStyle;
};

/// Section clamav; the archive limits bound the archive inspector as well.
struct ClamavSettings {
    bool archiveBlockEncrypted = false;
    int archiveMaxFiles = 0;
    int archiveMaxRecursion = 0;
    qint64 archiveMaxSize = 0;  ///< Bytes of one unpacked file.
    int archiveMaxRatio = 0;    ///< Unpacked : packed.
    std::chrono::seconds archiveTimeout{};
    qint64 maxScanSize = 0;  ///< Bytes scanned of one message, unpacked.
    int maxCcCount = 0;      ///< 0 = structured data detection off.
    QByteArray dbMirror;
    bool scriptedUpdates = true;
};

/// One line of `domains`. A leading dot was taken off: then subdomains belong to it, too.
struct RelayDomain {
    QByteArray domain;  ///< Lower case.
    bool includesSubdomains = false;
    QString comment;
};

/// One line of `transport`. `pattern` is a domain, a `.domain` (its subdomains) or local@domain.
struct Transport {
    QByteArray pattern;  ///< Lower case.
    NextHop nextHop;
    QString comment;
};

enum class TlsLevel { None, May, Encrypt, Dane, DaneOnly, Fingerprint, Verify, Secure };

/// One line of `tls_policy`.
struct TlsPolicy {
    QByteArray destination;  ///< Domain, `.domain` or next hop as written in transport.
    TlsLevel level = TlsLevel::None;
    std::vector<QByteArray> match;  ///< Names (verify, secure) or certificate digests.
    QByteArray minimumProtocol;     ///< "TLSv1.2"; empty: the default.
    bool isDefault = false;         ///< No line of the table: DANE and MTA-STS may decide.
};

struct Config {
    MailSettings mail;
    AdminSettings admin;
    SpamSettings spam;
    QuarantineSettings spamQuarantine;
    QuarantineSettings virusQuarantine;
    ClamavSettings clamav;

    std::map<QByteArray, RelayDomain> relayDomains;  ///< By domain.
    /// Domains that DKIM signs for, as `dkim/domains` lists them; none: the relay domains.
    std::map<QByteArray, RelayDomain> dkimDomains;
    std::map<QByteArray, Transport> transports;   ///< By pattern.
    std::map<QByteArray, TlsPolicy> tlsPolicies;  ///< By destination.
    std::set<QByteArray> inboundTlsDomains;       ///< Sender domains that must use TLS.

    /// May relay through the internal port: loopback, own subnets, transport and relay addresses,
    /// and what `mynetworks` lists.
    std::vector<Network> trustedNetworks;
    /// May relay through the external port: loopback and our own addresses only.
    std::vector<Network> ownAddresses;

    QByteArray hostName;  ///< "mx1"
    QByteArray domain;    ///< "example.com"
    QByteArray fqdn;      ///< "mx1.example.com"

    QByteArray digest;              ///< SHA-1 over all files, hex; changes when any of them does.
    std::vector<QString> warnings;  ///< Read but without effect: retired keys.

    /// True for a relay domain, or a subdomain of one that was written with a leading dot.
    [[nodiscard]] bool isRelayDomain(QByteArrayView domain) const;

    /// The transport for a recipient: its address (also without +extension), its domain, then
    /// `.parent` domains from the longest to the shortest. nullptr if none.
    [[nodiscard]] const Transport *transportFor(QByteArrayView localPart,
                                                QByteArrayView domain) const;

    /// The policy towards a next hop: as written in transport first, then the recipient domain, then
    /// its parents written with a leading dot; else May if section mail has tls, else None.
    [[nodiscard]] TlsPolicy tlsPolicyFor(const NextHop &nextHop, QByteArrayView domain) const;

    [[nodiscard]] bool requiresInboundTls(QByteArrayView senderDomain) const;
    [[nodiscard]] bool isTrusted(const QHostAddress &client) const;
    [[nodiscard]] bool isOwnAddress(const QHostAddress &client) const;
    [[nodiscard]] bool mayXclient(const QHostAddress &client) const;
};

}  // namespace portcullis::config
