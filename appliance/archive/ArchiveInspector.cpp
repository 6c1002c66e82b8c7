// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/archive/ArchiveInspector.h"

#include "appliance/archive/formats/Signature.h"
#include "appliance/archive/protocol/Wire.h"
#include "appliance/base/ChildProcess.h"

#include <QtCore/QFile>
#include <QtCore/QList>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

namespace portcullis::archive {

static_assert(quint32(ListingFlag::NotAnArchive) == wire::NotAnArchive);
static_assert(quint32(ListingFlag::Partial) == wire::Partial);
static_assert(quint8(ArchiveLimit::Memory) == quint8(wire::Limit::Memory));
static_assert(quint8(EntryKind::Special) == quint8(wire::Kind::Special));

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto graceTime = std::chrono::seconds(2);  ///< For the helper to end by its own clock.
constexpr int helperSocket = 3;

wire::Limits wireLimits(const ArchiveLimits &limits)
{
    wire::Limits wired;
    wired.levels = limits.levels;
    wired.entries = limits.entries;
    wired.totalBytes = limits.totalBytes;
    wired.nestedBytes = limits.nestedBytes;
    wired.ratio = std::max<quint32>(1, limits.ratio);
    wired.ratioGrace = limits.ratioGrace;
    wired.milliseconds = static_cast<quint32>(
        std::clamp<qint64>(limits.time.count(), 1, std::numeric_limits<qint32>::max()));
    wired.nameBytes = limits.nameBytes;
    return wired;
}

QByteArray bytesOf(const std::string &text)
{
    return {text.data(), static_cast<qsizetype>(text.size())};
}

Listing listingOf(wire::Listing &&wired)
{
    Listing listing;
    listing.format = bytesOf(wired.format);
    listing.flags = ListingFlags(static_cast<ListingFlags::Int>(wired.flags));
    listing.limit = static_cast<ArchiveLimit>(wired.limit);
    listing.detail = QString::fromUtf8(wired.detail.data(), qsizetype(wired.detail.size()));
    listing.entries.reserve(wired.entries.size());
    for (const wire::Entry &entry : wired.entries) {
        listing.entries.push_back({bytesOf(entry.path), bytesOf(entry.container), entry.depth,
                                   static_cast<EntryKind>(entry.kind), entry.declaredSize,
                                   entry.deliveredSize, bytesOf(entry.contentType),
                                   bytesOf(entry.nameType), entry.isEncrypted});
    }
    return listing;
}

Listing died(const QString &detail)
{
    Listing listing;
    listing.flags = ListingFlag::HelperDied;
    listing.detail = detail;
    return listing;
}

Listing outOfTime()
{
    Listing listing;
    listing.flags = ListingFlag::LimitExceeded;
    listing.limit = ArchiveLimit::Time;
    listing.detail = QStringLiteral("out of time");
    return listing;
}

/// Waits until the socket is ready. False at the deadline.
bool await(int socket, short events, SteadyTime deadline)
{
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            return false;
        }
        pollfd polled = {socket, events, 0};
        const int ready = ::poll(&polled, 1,
                                 static_cast<int>(std::min<qint64>(left.count(), 60'000)));
        if (ready > 0) {
            return true;
        }
        if (ready < 0 && errno != EINTR) {
            return false;
        }
    }
}

enum class Readers { Both, LibarchiveOnly };

enum class Transfer { Done, Closed, TimedOut };

Transfer sendAll(int socket, QByteArrayView bytes, SteadyTime deadline)
{
    while (!bytes.isEmpty()) {
        if (!await(socket, POLLOUT, deadline)) {
            return Transfer::TimedOut;
        }
        const ssize_t sent = ::send(socket, bytes.data(), static_cast<size_t>(bytes.size()),
                                    MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return Transfer::Closed;
        }
        bytes = bytes.sliced(std::max<qsizetype>(0, sent));
    }
    return Transfer::Done;
}

Transfer receiveAll(int socket, char *target, size_t size, SteadyTime deadline)
{
    while (size > 0) {
        if (!await(socket, POLLIN, deadline)) {
            return Transfer::TimedOut;
        }
        const ssize_t got = ::recv(socket, target, size, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return Transfer::Closed;
        }
        target += std::max<ssize_t>(0, got);
        size -= static_cast<size_t>(std::max<ssize_t>(0, got));
    }
    return Transfer::Done;
}

}  // namespace

/// One running helper process.
class ArchiveInspector::Helper
{
public:
    static Result<std::unique_ptr<Helper>> start(const InspectorSettings &settings);
    ~Helper()
    {
        ::close(m_socket);
        endChild(m_pid);
    }
    Helper(const Helper &) = delete;
    Helper &operator=(const Helper &) = delete;

    /// The helper's answer; afterwards isUsable() says whether it may be asked again.
    Listing ask(QByteArrayView bytes, const ArchiveLimits &limits, Readers readers);
    [[nodiscard]] bool isUsable() const { return m_usesLeft > 0; }

    /// Whether the helper is still there. One may have ended while it was idle.
    [[nodiscard]] bool isAlive() const
    {
        pollfd polled = {m_socket, POLLIN, 0};
        return ::poll(&polled, 1, 0) == 0;
    }

private:
    Helper(pid_t pid, int socket, int uses)
        : m_pid(pid)
        , m_socket(socket)
        , m_usesLeft(uses)
    {
    }

    pid_t m_pid;
    int m_socket;
    int m_usesLeft;
};

Result<std::unique_ptr<ArchiveInspector::Helper>> ArchiveInspector::Helper::start(
    const InspectorSettings &settings)
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return Error::fromErrno("archive.helper", QStringLiteral("Cannot make a socket"), errno);
    }
    ChildCommand command;
    command.program = settings.helperPath.isEmpty()
                          ? findHelperProgram("pmg-archive-inspector", PORTCULLIS_LIBEXEC)
                          : QFile::encodeName(settings.helperPath);
    command.arguments = {"--memory", QByteArray::number(settings.limits.memory)};
    ChildLimits limits;
    limits.processes = 0;  // fork is forbidden to it altogether
    limits.fileSize = 0;
    limits.cpu = std::chrono::hours(1);
    const auto pid = startChild(command, limits, {{ends[1], helperSocket}});
    ::close(ends[1]);
    if (!pid) {
        ::close(ends[0]);
        return Error::transient("archive.helper", pid.error().detail);
    }
    return std::unique_ptr<Helper>(new Helper(*pid, ends[0], std::max(1, settings.usesPerHelper)));
}

Listing ArchiveInspector::Helper::ask(QByteArrayView bytes,
                                      const ArchiveLimits &limits,
                                      Readers readers)
{
    const SteadyTime deadline = std::chrono::steady_clock::now() + limits.time + graceTime;
    const int usesLeft = std::exchange(m_usesLeft, 0);  // until it has answered well
    const std::string head = wire::encode(wire::RequestHead{
        wireLimits(limits), readers == Readers::Both, static_cast<std::uint64_t>(bytes.size())});
    std::array<unsigned char, 4> frame{};
    std::string answer;
    Transfer state = sendAll(m_socket, QByteArrayView(head.data(), qsizetype(head.size())),
                             deadline);
    if (state == Transfer::Done) {
        state = sendAll(m_socket, bytes, deadline);
    }
    if (state == Transfer::Done) {
        state = receiveAll(m_socket, reinterpret_cast<char *>(frame.data()), frame.size(),
                           deadline);
    }
    const quint32 size = quint32(frame[0]) | quint32(frame[1]) << 8U | quint32(frame[2]) << 16U
                         | quint32(frame[3]) << 24U;
    if (state == Transfer::Done && size > wire::maxAnswer) {
        return died(QStringLiteral("the answer is too long"));
    }
    if (state == Transfer::Done) {
        answer.resize(size);
        state = receiveAll(m_socket, answer.data(), answer.size(), deadline);
    }
    if (state != Transfer::Done) {
        return state == Transfer::TimedOut ? outOfTime()
                                           : died(QStringLiteral("the inspector ended early"));
    }
    auto listing = wire::decodeListing(answer);
    if (!listing) {
        return died(QStringLiteral("the answer cannot be read"));
    }
    // What broke a parser's rules may have broken the parser: the next archive, of another message,
    // gets a helper that this one has not touched.
    constexpr quint32 suspicious = wire::Broken | wire::Unsupported | wire::LimitExceeded
                                   | wire::Mismatch;
    m_usesLeft = listing->retires || (listing->flags & suspicious) != 0 ? 0 : usesLeft - 1;
    return listingOf(std::move(*listing));
}

ArchiveInspector::ArchiveInspector(InspectorSettings settings)
    : m_settings(std::move(settings))
{
}

ArchiveInspector::~ArchiveInspector() = default;

Result<ArchiveInspector::Helper *> ArchiveInspector::readyHelper()
{
    if (!m_helper || !m_helper->isUsable() || !m_helper->isAlive()) {
        m_helper.reset();
        m_helper = TRY(Helper::start(m_settings));
    }
    return m_helper.get();
}

Result<Listing> ArchiveInspector::inspect(QByteArrayView bytes)
{
    Helper *helper = TRY(readyHelper());
    Listing listing = helper->ask(bytes, m_settings.limits, Readers::Both);
    if (listing.flags.testFlag(ListingFlag::HelperDied)) {
        // Damaged by an earlier archive, or KArchive crashed on this one: libarchive has a try.
        helper = TRY(readyHelper());
        listing = helper->ask(bytes, m_settings.limits, Readers::LibarchiveOnly);
    }
    return listing;
}

bool ArchiveInspector::looksLikeArchive(QByteArrayView bytes,
                                        QByteArrayView fileName,
                                        QByteArrayView declaredType)
{
    if (findSignature({bytes.data(), static_cast<size_t>(bytes.size())}).format != Format::None) {
        return true;
    }
    static constexpr const char *suffixes[] = {
        ".zip",  ".zipx", ".jar",  ".apk",  ".7z",   ".rar",  ".r00",  ".tar", ".tgz",  ".tbz",
        ".tbz2", ".txz",  ".gz",   ".bz2",  ".xz",   ".lzma", ".zst",  ".z",   ".lz",   ".lz4",
        ".cab",  ".iso",  ".img",  ".udf",  ".lha",  ".lzh",  ".arj",  ".ace", ".cpio", ".rpm",
        ".deb",  ".xar",  ".alz",  ".egg",  ".zoo",  ".vhd",  ".vhdx", ".wim", ".001",  ".docx",
        ".xlsx", ".pptx", ".docm", ".xlsm", ".pptm", ".odt",  ".ods",  ".odp"};
    static constexpr const char *types[] = {"zip",    "compressed", "x-tar",   "x-rar",  "x-7z",
                                            "gzip",   "x-xz",       "x-bzip",  "x-lzma", "zstd",
                                            "x-cpio", "x-archive",  "iso9660", "x-cab",  "vnd.rar",
                                            "x-arj",  "x-ace",      "x-lha"};
    const QByteArray name = fileName.toByteArray().trimmed().toLower();
    const QByteArray type = declaredType.toByteArray().toLower();
    return std::ranges::any_of(suffixes, [&](const char *suffix) { return name.endsWith(suffix); })
           || std::ranges::any_of(types, [&](const char *word) { return type.contains(word); });
}

}  // namespace portcullis::archive
