// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/UnboundResolver.h"

#include <QtCore/QFile>
#include <QtCore/QHash>
#include <QtCore/QPointer>
#include <QtCore/QSocketNotifier>
#include <QtCore/QTimer>

#include <unbound.h>

#include <deque>

namespace portcullis {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

struct ContextDeleter {
    void operator()(ub_ctx *context) const { ub_ctx_delete(context); }
};
using Context = std::unique_ptr<ub_ctx, ContextDeleter>;

struct ResultDeleter {
    void operator()(ub_result *result) const { ub_resolve_free(result); }
};
using UnboundResult = std::unique_ptr<ub_result, ResultDeleter>;

Error setupError(const QString &what, int code)
{
    return Error::permanent("dns.setup",
                            what + QStringLiteral(": ") + QString::fromUtf8(ub_strerror(code)));
}

Status setOption(ub_ctx *context, const char *name, const char *value)
{
    if (const int code = ub_ctx_set_option(context, name, value); code != 0) {
        return setupError(QString::fromUtf8(name), code);
    }
    return ok();
}

/// "ADDR", "ADDR:PORT" or "[V6]:PORT" as libunbound writes it: "ADDR@PORT".
Result<QByteArray> unboundServer(const QString &server)
{
    QString host = server;
    QString port;
    if (server.startsWith(QLatin1Char('['))) {
        const qsizetype end = server.indexOf(QLatin1Char(']'));
        host = server.mid(1, end - 1);
        port = server.mid(end + 1);
        if (!port.isEmpty() && !port.startsWith(QLatin1Char(':'))) {
            host.clear();
        }
        port = port.mid(1);
    } else if (server.count(QLatin1Char(':')) == 1) {
        host = server.section(QLatin1Char(':'), 0, 0);
        port = server.section(QLatin1Char(':'), 1);
    }
    bool isNumber = true;
    const int number = port.isEmpty() ? 53 : port.toInt(&isNumber);
    if (QHostAddress(host).isNull() || !isNumber || number < 1 || number > 65535) {
        return Error::permanent("dns.setup",
                                QStringLiteral("'%1' is no address of a name server").arg(server));
    }
    return host.toUtf8() + '@' + QByteArray::number(number);
}

Status useServers(ub_ctx *context, const std::vector<QString> &servers)
{
    if (servers.empty()) {
        // Without the file libunbound asks the root servers itself, which is as good.
        if (QFile::exists(QStringLiteral("/etc/resolv.conf"))) {
            if (const int code = ub_ctx_resolvconf(context, nullptr); code != 0) {
                return setupError(QStringLiteral("/etc/resolv.conf"), code);
            }
        }
        return ok();
    }
    for (const QString &server : servers) {
        const QByteArray forward = TRY(unboundServer(server));
        if (const int code = ub_ctx_set_fwd(context, forward.constData()); code != 0) {
            return setupError(server, code);
        }
    }
    return ok();
}

/// Zones that libunbound would answer itself. The servers of the site know better.
Status unblockReservedZones(ub_ctx *context)
{
    for (const char *zone : {"test.", "127.in-addr.arpa.", "2.0.192.in-addr.arpa.",
                             "100.51.198.in-addr.arpa.", "113.0.203.in-addr.arpa."}) {
        if (const int code = ub_ctx_zone_remove(context, zone); code != 0) {
            return setupError(QString::fromUtf8(zone), code);
        }
    }
    return ok();
}

Result<Context> makeContext(const ResolverSettings &settings)
{
    Context context(ub_ctx_create());
    if (!context) {
        return Error::permanent("dns.setup", QStringLiteral("libunbound does not start"));
    }
    TRY(setOption(context.get(), "do-not-query-localhost:", "no"));
    // A server that was down shall be asked again soon, not after a quarter of an hour.
    TRY(setOption(context.get(), "infra-host-ttl:", "30"));
    TRY(setOption(context.get(), "infra-keep-probing:", "yes"));
    if (!settings.servers.empty()) {
        TRY(setOption(context.get(), "unblock-lan-zones:", "yes"));
        TRY(setOption(context.get(), "insecure-lan-zones:", "yes"));
    }
    TRY(useServers(context.get(), settings.servers));
    if (!settings.trustAnchorFile.isEmpty()) {
        const QByteArray file = QFile::encodeName(settings.trustAnchorFile);
        if (!QFile(settings.trustAnchorFile).open(QIODevice::ReadOnly)) {
            return Error::permanent(
                "dns.setup",
                QStringLiteral("trust anchor %1 is not readable").arg(settings.trustAnchorFile));
        }
        if (const int code = ub_ctx_add_ta_file(context.get(), file.constData()); code != 0) {
            return setupError(settings.trustAnchorFile, code);
        }
    }
    if (const int code = ub_ctx_async(context.get(), 1); code != 0) {
        return setupError(QStringLiteral("thread"), code);
    }
    // Last, because it closes the settings.
    if (!settings.servers.empty()) {
        TRY(unblockReservedZones(context.get()));
    }
    return context;
}

bool isDomainName(QByteArrayView name)
{
    if (name.endsWith('.')) {
        name.chop(1);
    }
    if (name.isEmpty() || name.size() > 253) {
        return false;
    }
    qsizetype label = 0;
    for (const char c : name) {
        if (c == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
            continue;
        }
        // The backslash is libunbound's escape; no name of ours needs it.
        if (++label > 63 || c <= ' ' || c > '~' || c == '\\') {
            return false;
        }
    }
    return label > 0;
}

/// Where CNAME records led to; empty: nowhere else.
QByteArray canonicalNameOf(const ub_result &result)
{
    const auto plain = [](const char *name) {
        QByteArray text = QByteArray(name).toLower();
        if (text.endsWith('.')) {
            text.chop(1);
        }
        return text;
    };
    const QByteArray name = plain(result.canonname);
    return name == plain(result.qname) ? QByteArray() : name;
}

Result<DnsAnswer> toAnswer(int error, const ub_result *result)
{
    constexpr int noError = 0;
    constexpr int noSuchName = 3;
    if (error != 0 || result == nullptr) {
        return Error::transient("dns.servfail", QString::fromUtf8(ub_strerror(error)));
    }
    const QString name = QString::fromUtf8(result->qname);
    if (result->bogus != 0) {
        return Error::transient("dns.bogus",
                                name + QStringLiteral(": ") + QString::fromUtf8(result->why_bogus));
    }
    if (result->rcode != noError && result->rcode != noSuchName) {
        return Error::transient("dns.servfail",
                                name + QStringLiteral(": RCODE %1").arg(result->rcode));
    }
    DnsAnswer answer;
    answer.isSecure = result->secure != 0;
    answer.ttl = std::chrono::seconds(result->ttl);
    answer.canonicalName = canonicalNameOf(*result);
    if (result->havedata != 0) {
        answer.kind = DnsAnswer::Kind::Records;
        for (int i = 0; result->data[i] != nullptr; ++i) {
            answer.records.emplace_back(result->data[i], result->len[i]);
        }
    } else {
        answer.kind = result->nxdomain != 0 ? DnsAnswer::Kind::NoName : DnsAnswer::Kind::NoData;
    }
    return answer;
}

}  // namespace

struct UnboundResolver::Private {
    struct Query {
        Private *owner = nullptr;
        quint64 id = 0;
        int unboundId = 0;
        QPointer<QObject> context;
        Callback done;
        QByteArray name;
    };

    explicit Private(Context made, const ResolverSettings &settings)
        : m_context(std::move(made))
        , m_timeout(settings.timeout)
        , m_maxPending(settings.maxPending)
        , m_notifier(ub_fd(m_context.get()), QSocketNotifier::Read)
    {
        QObject::connect(&m_notifier, &QSocketNotifier::activated, &m_notifier,
                         [this] { ub_process(m_context.get()); });
        m_timer.setSingleShot(true);
        QObject::connect(&m_timer, &QTimer::timeout, &m_timer, [this] { expire(); });
    }
    ~Private()
    {
        m_notifier.setEnabled(false);
        for (const auto &query : std::as_const(m_queries)) {
            ub_cancel(m_context.get(), query->unboundId);
        }
    }
    Q_DISABLE_COPY_MOVE(Private)

    void ask(const QByteArray &name, DnsType type, QObject *context, Callback done);
    void expire();
    static void answered(void *data, int error, ub_result *raw);

    Context m_context;
    std::chrono::milliseconds m_timeout;
    int m_maxPending;
    QSocketNotifier m_notifier;
    QTimer m_timer;
    quint64 m_lastId = 0;
    QHash<quint64, std::shared_ptr<Query>> m_queries;
    std::deque<std::pair<SteadyTime, quint64>> m_deadlines;  ///< All timeouts are equal: a queue.
};

void UnboundResolver::Private::ask(const QByteArray &name,
                                   DnsType type,
                                   QObject *context,
                                   Callback done)
{
    auto query = std::make_shared<Query>();
    query->owner = this;
    query->id = ++m_lastId;
    query->context = context;
    query->name = name;
    constexpr int internet = 1;
    const int code = ub_resolve_async(m_context.get(), name.constData(), static_cast<int>(type),
                                      internet, query.get(), &Private::answered, &query->unboundId);
    if (code != 0) {
        QTimer::singleShot(0, context, [code, done = std::move(done)] {
            done(Error::transient("dns.servfail", QString::fromUtf8(ub_strerror(code))));
        });
        return;
    }
    query->done = std::move(done);
    m_queries.insert(query->id, query);
    m_deadlines.emplace_back(std::chrono::steady_clock::now() + m_timeout, query->id);
    if (!m_timer.isActive()) {
        m_timer.start(m_timeout);
    }
}

void UnboundResolver::Private::answered(void *data, int error, ub_result *raw)
{
    const UnboundResult result(raw);
    const auto *query = static_cast<Query *>(data);
    const auto owned = query->owner->m_queries.take(query->id);
    if (owned && owned->context) {
        owned->done(toAnswer(error, result.get()));
    }
}

void UnboundResolver::Private::expire()
{
    const SteadyTime now = std::chrono::steady_clock::now();
    while (!m_deadlines.empty()) {
        const auto [deadline, id] = m_deadlines.front();
        const bool isPending = m_queries.contains(id);
        if (isPending && deadline > now) {
            m_timer.start(std::chrono::ceil<std::chrono::milliseconds>(deadline - now));
            return;
        }
        m_deadlines.pop_front();
        if (isPending) {
            const auto query = m_queries.take(id);
            ub_cancel(m_context.get(), query->unboundId);
            if (query->context) {
                query->done(Error::transient("dns.timeout", QString::fromUtf8(query->name)));
            }
        }
    }
}

Result<std::unique_ptr<UnboundResolver>> UnboundResolver::create(const ResolverSettings &settings)
{
    Context context = TRY(makeContext(settings));
    return std::unique_ptr<UnboundResolver>(
        new UnboundResolver(std::make_unique<Private>(std::move(context), settings)));
}

UnboundResolver::UnboundResolver(std::unique_ptr<Private> implementation)
    : d(std::move(implementation))
{
}

UnboundResolver::~UnboundResolver() = default;

void UnboundResolver::lookup(const QByteArray &name, DnsType type, QObject *context, Callback done)
{
    if (!isDomainName(name)) {
        QTimer::singleShot(0, context, [done = std::move(done)] {
            done(DnsAnswer{DnsAnswer::Kind::NoName, {}, false, {}});
        });
        return;
    }
    if (pending() >= d->m_maxPending) {
        QTimer::singleShot(0, context, [name, done = std::move(done)] {
            done(Error::transient("dns.timeout",
                                  QString::fromUtf8(name)
                                      + QStringLiteral(": too many lookups are pending")));
        });
        return;
    }
    d->ask(name, type, context, std::move(done));
}

int UnboundResolver::pending() const
{
    return static_cast<int>(d->m_queries.size());
}

}  // namespace portcullis
