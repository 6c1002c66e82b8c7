// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spam/network/FingerprintTests.h"

#include "appliance/spam/conf/RuleSet.h"
#include "appliance/spam/engine/Scan.h"
#include "appliance/spam/network/LookupHub.h"

#include <QtCore/QFile>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace portcullis::spam {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// The service takes bytes as fast as we give them; one that does not is not waited for.
constexpr std::chrono::milliseconds sendingTime{500};

int connectedTo(const QString &socketPath)
{
    const QByteArray path = QFile::encodeName(socketPath);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.isEmpty() || path.size() >= static_cast<qsizetype>(sizeof address.sun_path)) {
        return -1;
    }
    std::memcpy(address.sun_path, path.constData(), static_cast<size_t>(path.size()));
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the socket API's own idiom
    const auto *generic = reinterpret_cast<const sockaddr *>(&address);
    if (socket >= 0 && ::connect(socket, generic, sizeof address) != 0) {
        ::close(socket);
        return -1;
    }
    return socket;
}

/// Waits for `events`; false when the time is over.
bool isReadyUntil(int socket, short events, SteadyTime end)
{
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        pollfd waiting{socket, events, 0};
        const int ready = ::poll(&waiting, 1, std::max(0, static_cast<int>(left.count())));
        if (ready > 0) {
            return true;
        }
        if ((ready == 0 && left.count() <= 0) || (ready < 0 && errno != EINTR)) {
            return false;
        }
    }
}

bool sendAll(int socket, QByteArrayView bytes, SteadyTime end)
{
    while (!bytes.isEmpty()) {
        const ssize_t sent = ::send(socket, bytes.data(), static_cast<size_t>(bytes.size()),
                                    MSG_NOSIGNAL);
        if (sent > 0) {
            bytes = bytes.sliced(sent);
        } else if (sent == 0 || (errno != EINTR && errno != EAGAIN)
                   || !isReadyUntil(socket, POLLOUT, end)) {
            return false;
        }
    }
    return true;
}

/// All that comes until the connection ends; empty if it does not end in time.
QByteArray receiveAll(int socket, qsizetype most, SteadyTime end)
{
    QByteArray all;
    std::array<char, 4096> buffer{};
    while (all.size() <= most && isReadyUntil(socket, POLLIN, end)) {
        const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (got == 0) {
            return all;
        }
        if (got < 0 && errno != EINTR && errno != EAGAIN) {
            break;
        }
        all.append(buffer.data(), std::max<qsizetype>(got, 0));
    }
    return {};
}

const EvalFunction &answeredLater()
{
    static const EvalFunction function = [](Scan &, const EvalCall &) { return 0; };
    return function;
}

std::vector<const Test *> testsThatCall(const RuleSet &rules, const char *function)
{
    std::vector<const Test *> found;
    for (const Test &test : rules.tests) {
        const EvalCall *call = std::get_if<EvalCall>(&test.body);
        if (call != nullptr && call->function == function) {
            found.push_back(&test);
        }
    }
    return found;
}

bool anyIsActive(const std::vector<const Test *> &tests, const Scan &scan)
{
    return std::any_of(tests.begin(), tests.end(),
                       [&scan](const Test *test) { return scan.isActive(*test); });
}

}  // namespace

/// A question under way; its end is the connection's.
struct FingerprintModule::Question final : Scan::Memory {
    Question() = default;
    ~Question() override { end(); }
    Q_DISABLE_COPY_MOVE(Question)

    void end()
    {
        if (socket >= 0) {
            ::close(socket);
            socket = -1;
        }
    }

    int socket = -1;
    SteadyTime deadline;
};

void FingerprintModule::readTimeout(const RuleSet &rules,
                                    const QByteArray &directive,
                                    ProblemSink &problems)
{
    const auto &lines = rules.directive(directive);
    if (lines.empty()) {
        return;
    }
    if (const auto time = ruleDuration(lines.back().value)) {
        m_timeout = std::min(*time, FingerprintLimits().deadline);
    } else {
        problems.report({Problem::Severity::Warning, lines.back().origin, directive, "not a time"});
    }
}

void FingerprintModule::begin(Scan &scan) const
{
    if (!isNeeded(scan)) {
        return;
    }
    const QByteArray &message = scan.text().full();
    if (message.isEmpty() || message.size() > FingerprintLimits().message) {
        return;
    }
    auto &question = scan.memory<Question>(this);
    question.socket = connectedTo(m_socketPath);
    if (question.socket < 0) {
        return;
    }
    const SteadyTime now = std::chrono::steady_clock::now();
    question.deadline = std::min(now + m_timeout, scan.deadline());
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(question.deadline
                                                                            - now);
    const FingerprintHead head{m_network, std::max(left, std::chrono::milliseconds(0)),
                               static_cast<quint32>(message.size())};
    const SteadyTime end = std::min(question.deadline, now + sendingTime);
    if (!sendAll(question.socket, head.encoded(), end) || !sendAll(question.socket, message, end)) {
        question.end();
    }
}

void FingerprintModule::finish(Scan &scan) const
{
    auto &question = scan.memory<Question>(this);
    if (question.socket < 0) {
        return;
    }
    const QByteArray reply = receiveAll(question.socket, FingerprintLimits().reply,
                                        question.deadline);
    question.end();
    judge(scan, reply);
}

// ---- Razor -----------------------------------------------------------------------------------------

RazorTests::RazorTests(QString socketPath)
    : FingerprintModule(FingerprintNetwork::Razor, std::move(socketPath))
{
}

QByteArray RazorTests::plugin() const
{
    return "Mail::SpamAssassin::Plugin::Razor2";
}

void RazorTests::configure(const RuleSet &rules, ProblemSink &problems)
{
    readTimeout(rules, "razor_timeout", problems);
    if (rules.isOn("use_razor2", true)) {
        m_tests = testsThatCall(rules, "check_razor2");
    }
    for (const Test *test : testsThatCall(rules, "check_razor2_range")) {
        addRange(*test, std::get<EvalCall>(test->body), problems);
    }
}

/// Arguments are engine, least and most confidence; an empty engine means any.
void RazorTests::addRange(const Test &test, const EvalCall &call, ProblemSink &problems)
{
    if (call.arguments.size() != 3) {
        problems.report({Problem::Severity::Error, test.origin, test.name,
                         "check_razor2_range takes an engine, a least and a greatest confidence"});
        return;
    }
    const auto &words = call.arguments;
    m_ranges.push_back({&test, words[0], words[1].toInt(), words[2].toInt()});
}

std::vector<EvalModule::Entry> RazorTests::functions() const
{
    return {{"check_razor2", answeredLater()}, {"check_razor2_range", answeredLater()}};
}

bool RazorTests::isNeeded(const Scan &scan) const
{
    return anyIsActive(m_tests, scan);
}

void RazorTests::judge(Scan &scan, QByteArrayView reply) const
{
    const auto finding = RazorFinding::parse(reply);
    if (!finding) {
        return;
    }
    if (finding->isListed) {
        for (const Test *test : m_tests) {
            scan.hit(test->name);
        }
    }
    for (const Range &range : m_ranges) {
        const auto confidence = finding->confidenceOf(range.engine);
        if (confidence && *confidence >= range.least && *confidence <= range.most) {
            scan.hit(range.test->name, "[cf: " + QByteArray::number(*confidence) + ']');
        }
    }
}

// ---- Pyzor -----------------------------------------------------------------------------------------

PyzorTests::PyzorTests(QString socketPath)
    : FingerprintModule(FingerprintNetwork::Pyzor, std::move(socketPath))
{
}

QByteArray PyzorTests::plugin() const
{
    return "Mail::SpamAssassin::Plugin::Pyzor";
}

void PyzorTests::configure(const RuleSet &rules, ProblemSink &problems)
{
    readTimeout(rules, "pyzor_timeout", problems);
    if (rules.isOn("use_pyzor", true)) {
        m_tests = testsThatCall(rules, "check_pyzor");
    }
    m_leastReports = rules.number("pyzor_count_min", m_leastReports);
    m_leastWelcomes = rules.number("pyzor_welcomelist_min", m_leastWelcomes);
    m_welcomeShare = rules.number("pyzor_welcomelist_factor", m_welcomeShare);
}

std::vector<EvalModule::Entry> PyzorTests::functions() const
{
    return {{"check_pyzor", answeredLater()}};
}

bool PyzorTests::isNeeded(const Scan &scan) const
{
    return anyIsActive(m_tests, scan);
}

bool PyzorTests::isListed(const PyzorFinding &finding) const
{
    // Numbers like these belong to the fingerprint of an empty text, which everybody sends.
    constexpr qint64 meaninglessReports = 1'000'000;
    constexpr qint64 meaninglessWelcomes = 10'000;
    const auto reports = static_cast<double>(finding.reports);
    const auto welcomes = static_cast<double>(finding.welcomes);
    if (finding.reports >= meaninglessReports || finding.welcomes >= meaninglessWelcomes
        || reports < m_leastReports) {
        return false;
    }
    const double harmlessFrom = reports * m_welcomeShare;
    return welcomes < m_leastWelcomes || harmlessFrom == 0 || welcomes < harmlessFrom;
}

void PyzorTests::judge(Scan &scan, QByteArrayView reply) const
{
    const auto finding = PyzorFinding::parse(reply);
    if (!finding) {
        return;
    }
    const QByteArray words = "Reported " + QByteArray::number(finding->reports)
                             + " times, welcomelisted " + QByteArray::number(finding->welcomes)
                             + " times.";
    scan.setTag("PYZOR", {words});
    if (isListed(*finding)) {
        for (const Test *test : m_tests) {
            scan.hit(test->name, '[' + words + ']');
        }
    }
}

std::vector<std::shared_ptr<EvalModule>> makeFingerprintModules(const QString &socketPath)
{
    return {std::make_shared<RazorTests>(socketPath), std::make_shared<PyzorTests>(socketPath)};
}

}  // namespace portcullis::spam
