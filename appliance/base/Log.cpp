// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/base/Log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <mutex>

namespace portcullis::log {

namespace {

constexpr int syslogFacilityMail = 2 << 3;  // RFC 5424 §6.2.1
constexpr int maxLine = 8192;               ///< Longer lines are cut: one datagram, one write.

/// The open log. Guarded by a mutex because setTarget() may replace the file (rotation).
struct OpenLog {
    std::mutex mutex;
    Target target;
    int descriptor = -1;
    std::atomic<unsigned> dropped{0};
};

OpenLog &openLog()
{
    static OpenLog log;
    return log;
}

int openSyslog()
{
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, "/dev/log", sizeof address.sun_path - 1);
    if (descriptor >= 0
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast) the socket API's own idiom
        && ::connect(descriptor, reinterpret_cast<const sockaddr *>(&address), sizeof address)
               != 0) {
        ::close(descriptor);
        return -1;
    }
    return descriptor;
}

int syslogLevel(Severity severity)
{
    switch (severity) {
    case Severity::Debug:
        return 7;
    case Severity::Info:
        return 6;
    case Severity::Notice:
        return 5;
    case Severity::Warning:
        return 4;
    case Severity::Error:
        return 3;
    case Severity::Critical:
        return 2;
    }
    return 6;
}

const char *severityName(Severity severity)
{
    static constexpr std::array names{"debug", "info", "notice", "warning", "error", "critical"};
    return names[static_cast<size_t>(severity)];
}

QByteArray timestamp()
{
    const auto now = std::chrono::system_clock::now();
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    const std::time_t seconds = micros / 1'000'000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 40> text{};
    const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    return QByteArray(text.data(), static_cast<qsizetype>(length)) + '.'
           + QByteArray::number(micros % 1'000'000).rightJustified(6, '0') + 'Z';
}

QByteArray header(const OpenLog &log, Severity severity)
{
    const QByteArray tag = log.target.program + '[' + QByteArray::number(::getpid()) + "]: ";
    if (log.target.filePath.isEmpty()) {
        return '<' + QByteArray::number(syslogFacilityMail | syslogLevel(severity)) + '>' + tag
               + severityName(severity) + ' ';
    }
    return timestamp() + ' ' + tag + severityName(severity) + ' ';
}

bool emitLine(OpenLog &log, const QByteArray &line)
{
    if (log.descriptor < 0 && log.target.filePath.isEmpty()) {
        log.descriptor = openSyslog();
    }
    if (log.target.echoToStderr) {
        const QByteArray echoed = line + (line.endsWith('\n') ? "" : "\n");
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, echoed.constData(),
                                                         static_cast<size_t>(echoed.size()));
    }
    return log.descriptor >= 0
           && ::write(log.descriptor, line.constData(), static_cast<size_t>(line.size()))
                  == line.size();
}

}  // namespace

void setTarget(Target target)
{
    OpenLog &log = openLog();
    const std::scoped_lock lock(log.mutex);
    if (log.descriptor >= 0) {
        ::close(log.descriptor);
    }
    log.target = std::move(target);
    log.descriptor = log.target.filePath.isEmpty()
                         ? openSyslog()
                         : ::open(log.target.filePath.constData(),
                                  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
}

QByteArray quoted(QByteArrayView value)
{
    static constexpr char hex[] = "0123456789abcdef";
    bool isPlain = !value.isEmpty();
    QByteArray text;
    text.reserve(value.size() + 2);
    for (const char c : value) {
        const auto byte = static_cast<uchar>(c);
        if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
            text.append("\\x").append(hex[byte >> 4]).append(hex[byte & 15]);
            isPlain = false;
        } else {
            isPlain = isPlain && c != ' ' && c != '=';
            text.append(c);
        }
    }
    return isPlain ? text : '"' + text + '"';
}

QByteArray format(const char *id, QByteArrayView queueId, std::initializer_list<Field> fields)
{
    QByteArray line(id);
    if (!queueId.isEmpty()) {
        line.append(' ').append(queueId);
    }
    line.append(':');
    for (const Field &field : fields) {
        line.append(' ').append(field.first).append('=').append(quoted(field.second));
    }
    return line;
}

void write(Severity severity,
           const char *id,
           QByteArrayView queueId,
           std::initializer_list<Field> fields)
{
    OpenLog &log = openLog();
    const std::scoped_lock lock(log.mutex);
    if (severity < log.target.threshold) {
        return;
    }
    const unsigned dropped = log.dropped.load();
    QByteArray line = header(log, severity) + format(id, queueId, fields);
    if (dropped > 0) {
        line.append(" log-lines-dropped=").append(QByteArray::number(dropped));
    }
    line.truncate(maxLine - 1);
    if (!log.target.filePath.isEmpty()) {
        line.append('\n');
    }
    if (emitLine(log, line)) {
        log.dropped -= dropped;
    } else {
        ++log.dropped;
    }
}

}  // namespace portcullis::log
