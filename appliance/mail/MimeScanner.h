// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/mail/Decoding.h"
#include "appliance/mail/HeaderScanner.h"
#include "appliance/mail/Message.h"
#include "appliance/mail/PartDescription.h"

#include <deque>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

namespace portcullis::mail {

/// Adds a reason once; a list that an attacker could make long ends.
void addReason(QStringList &reasons, const QString &reason);

/// Takes a message apart: finds the header blocks and the body parts with their places in the octets,
/// first as most readers do, then in each other way the octets allow.
///
/// Why not GMime's parser: it has one reading, no limit on parts, and no places of parts. Where both
/// can say something they agree; a test compares them over all samples.
class MimeScanner
{
public:
    MimeScanner(QByteArrayView message, const MimeLimits &limits);

    void run();

    std::vector<Part> parts;
    Defects defects;
    std::vector<QByteArray> sources;  ///< sources[n] is source n + 1.
    qint64 decodedBytes = 0;          ///< What sources used of the budget.

private:
    /// How an alternative view reads the entity at which it leaves the usual reading.
    struct Choice {
        bool isForced = false;        ///< Read exactly so, look for no further alternatives here.
        bool isHidden = false;        ///< The octets are a preamble or an epilogue.
        bool hasPrefixMatch = false;  ///< A line that starts with the boundary is a boundary.
        bool ignoresClose = false;    ///< `--boundary--` is a boundary like the others.
        qsizetype headerEnd = -1;
        TypeReading reading;  ///< Empty type: as declared.
    };
    struct Task {
        int source = 0;
        Span span;
        int parent = 0;
        int depth = 0;
        QByteArray defaultType = "text/plain";
        Choice choice = {};
    };
    enum class Delimiter : quint8 { None, Open, Close, Prefix };
    struct Source {
        QByteArrayView bytes;
        std::vector<qsizetype> dashLines;  ///< Where lines start with `--`.
    };

    void addSource(QByteArrayView bytes);
    int addDecodedSource(QByteArray bytes);
    void scanEntity(const Task &task);
    void scanAs(const Task &task, int index, const PartDescription &description);
    void scanMultipart(const Task &task, int index);
    void scanWithoutBoundary(const Task &task, int index);
    void scanEmbeddedMessage(const Task &task, int index);
    void scanLeaf(const Task &task, int index);
    void addHidden(const Task &task);
    void offerHidden(const Task &task, int index, Span span);
    bool pickReading(const Task &task,
                     const PartDescription &description,
                     int index,
                     TypeReading &picked);
    void offerPrefixViews();
    void offer(const Task &task, Choice choice, const QString &reason);
    void noteDescription(const PartDescription &description, int id);

    Delimiter delimiterAt(const Source &source,
                          qsizetype at,
                          qsizetype limit,
                          QByteArrayView boundary,
                          bool hasPrefixMatch,
                          qsizetype &next) const;
    bool hasDelimiter(const Source &source, Span body, QByteArrayView boundary) const;
    Part *newPart(const Task &task, PartKind kind);

    const MimeLimits &m_limits;
    HeaderBudget m_headerBudget;
    std::deque<Source> m_sources;
    std::deque<Task> m_alternatives;
    std::vector<Task> m_prefixSuspects;
    std::set<QByteArray> m_boundaries;
    /// Alternatives offered before: source, span, header end, reading, prefix, close.
    std::set<std::tuple<int, qsizetype, qsizetype, qsizetype, QByteArray, bool, bool>> m_offered;
    int m_view = 0;
    int m_viewsOffered = 0;
};

}  // namespace portcullis::mail
