// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/smtp/server/DataReader.h"

#include <cstring>
#include <utility>

namespace portcullis::smtp {

namespace {

const char *find(char wanted, const char *from, const char *to)
{
    return static_cast<const char *>(std::memchr(from, wanted, static_cast<size_t>(to - from)));
}

}  // namespace

DataReader::DataReader(const SessionLimits &limits, BareNewline bareNewline)
    : m_limits(&limits)
    , m_bareNewline(bareNewline)
{
}

void DataReader::begin(Framing framing, mail::ContentBuilder builder)
{
    reset();
    m_framing = framing;
    m_builder = std::move(builder);
}

void DataReader::reset()
{
    m_builder.reset();
    m_problem = Problem::None;
    m_place = Place::LineStart;
    m_endsWithCr = false;
    m_isInHeader = true;
    m_dots = 0;
    m_lineLength = 0;
    m_isLineOpen = false;
    m_octets = 0;
    m_kept = 0;
    m_drained = 0;
    m_headerOctets = 0;
    m_headerFields = 0;
}

bool DataReader::read(QByteArrayView &input)
{
    const char *const begin = input.data();
    const char *const end = begin + input.size();
    const char *at = begin;
    bool isDone = false;
    while (at < end && !isDone) {
        if (m_endsWithCr) {
            m_endsWithCr = false;
            if (*at != '\n') {
                bareNewline();
                continue;
            }
            ++at;
            isDone = m_place == Place::LoneDot && m_framing == Framing::Dotted;
            if (!isDone) {
                keepCrLf();
                endLine();
            }
        } else if (m_place != Place::Middle) {
            at = readSpecial(at);
        } else {
            at = readRun(at, end);
        }
    }
    const qint64 taken = at - begin;
    m_octets += taken;
    if (m_problem != Problem::None) {
        m_drained += taken;
    }
    input = input.sliced(taken);
    return isDone;
}

/// The first octets of a line, one by one, as long as they may still turn out to be special.
const char *DataReader::readSpecial(const char *at)
{
    const char c = *at;
    if (c == '\r') {
        m_endsWithCr = true;
        return at + 1;
    }
    switch (m_place) {
    case Place::LineStart:
        if (c == '.' && m_framing == Framing::Dotted) {
            m_place = Place::LoneDot;
            return at + 1;
        }
        [[fallthrough]];
    case Place::SoftStart:
    case Place::LoneDot:
        // RFC 5321 §4.5.2: something follows the lone dot, so the dot was the client's stuffing.
        m_place = c == '\0' ? Place::Nuls : Place::Middle;
        m_dots = 0;
        return at;
    case Place::Nuls:
        m_dots += c == '.' ? 1 : 0;
        if ((c != '\0' && c != '.') || m_dots > 1) {
            m_place = Place::Middle;
            return at;
        }
        countHeader(at, at + 1);
        keep(at, at + 1);
        return at + 1;
    case Place::Middle:
        break;
    }
    return at;
}

/// Everything up to the next line that needs a closer look, kept as one run.
const char *DataReader::readRun(const char *at, const char *end)
{
    const char *const run = at;
    while (at < end) {
        const char *newline = find('\n', at, end);
        const char *lineEnd = newline != nullptr ? newline : end;
        const char *carriage = find('\r', at, lineEnd);
        if (carriage != nullptr && carriage + 1 < lineEnd) {
            // Not before the LF: a bare CR. What precedes it is kept, then we look again.
            countHeader(at, carriage);
            keep(run, carriage);
            bareNewline();
            return carriage + 1;
        }
        countHeader(at, carriage != nullptr ? carriage : lineEnd);
        if (newline == nullptr) {
            keep(run, carriage != nullptr ? carriage : end);
            m_endsWithCr = carriage != nullptr;
            return end;
        }
        if (carriage == nullptr) {
            keep(run, newline);
            bareNewline();
            return newline + 1;
        }
        at = newline + 1;
        endLine();
        const bool isOrdinary = at < end && *at != '.' && *at != '\0' && *at != '\r';
        if (!isOrdinary) {
            break;
        }
        m_place = Place::Middle;
    }
    keep(run, at);
    m_isLineOpen = false;
    return at;
}

void DataReader::endLine()
{
    if (m_place == Place::Nuls && m_dots == 1) {
        fail(Problem::HiddenDot);
    }
    if (m_isInHeader) {
        m_headerOctets += 2;
        m_isInHeader = m_lineLength > 0;
    }
    m_lineLength = 0;
    m_place = Place::LineStart;
}

/// A CR or LF alone, refused or replaced.
void DataReader::bareNewline()
{
    if (m_bareNewline == BareNewline::Refuse) {
        fail(Problem::BareNewline);
    }
    keepCrLf();
    endLine();
    m_place = Place::SoftStart;
}

void DataReader::countHeader(const char *from, const char *to)
{
    if (!m_isInHeader || from == to) {
        return;
    }
    if (m_lineLength == 0 && *from != ' ' && *from != '\t') {
        ++m_headerFields;
    }
    m_lineLength += to - from;
    m_headerOctets += to - from;
    if (m_headerOctets > m_limits->headerSize || m_headerFields > m_limits->headerFields) {
        fail(Problem::HeaderTooLarge);
    }
}

void DataReader::keep(const char *from, const char *to)
{
    if (from == to || m_problem != Problem::None) {
        return;
    }
    m_isLineOpen = true;
    m_kept += to - from;
    if (m_limits->messageSize > 0 && m_kept > m_limits->messageSize) {
        fail(Problem::TooLarge);
    } else if (!m_builder->append(QByteArrayView(from, to - from))) {
        fail(Problem::Storage);
    }
}

void DataReader::keepCrLf()
{
    static constexpr char crLf[] = "\r\n";
    keep(crLf, crLf + 2);
    m_isLineOpen = false;
}

void DataReader::fail(Problem problem)
{
    if (m_problem == Problem::None) {
        m_problem = problem;
        m_builder.reset();
    }
}

void DataReader::finish()
{
    if (std::exchange(m_endsWithCr, false)) {
        bareNewline();
    }
    if (m_isLineOpen) {
        keepCrLf();
    }
}

Result<mail::Content> DataReader::take()
{
    auto content = m_builder->finish();
    m_builder.reset();
    return content;
}

}  // namespace portcullis::smtp
