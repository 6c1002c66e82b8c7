// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/spam/text/HeaderBlock.h"
#include "appliance/spam/text/MessageText.h"
#include "appliance/spam/text/PartTree.h"

#include <map>
#include <unordered_map>

namespace portcullis::spam {

/// What MessageText has found out so far. HeaderQueries.cpp holds the part about the header.
struct MessageText::Private {
    Private(mail::Content bytes, const TextSettings &textSettings, const DomainTable &domainTable);

    /// The answer to one query.
    struct Answer {
        std::vector<QByteArray> values;
        std::optional<QByteArray> joined;
        bool isJoined = false;
    };

    /// One leaf as a reader sees it.
    struct Leaf {
        int part = 0;
        bool isRendered = false;  ///< It is text, so that it is seen at all.
        bool isHtml = false;
        bool isWide = false;
        QByteArray text;
        QByteArray visible;
        QByteArray invisible;
    };

    /// Fields of one name. There are few names, so that looking through them is quicker than a table.
    struct FieldGroup {
        QByteArray name;
        quint32 hash;
        std::vector<int> indexes;  ///< Into `fields`.
    };

    // Header
    FieldGroup *group(QByteArrayView name);
    Answer &answer(const HeaderQuery &query);
    std::vector<QByteArray> values(const HeaderQuery &query);
    std::optional<std::vector<QByteArray>> pseudoField(const HeaderQuery &query);
    std::vector<QByteArray> fieldValues(const HeaderQuery &query);
    std::vector<QByteArray> metadataValue(const QByteArray &name);
    std::vector<QByteArray> namesOrAddresses(const std::vector<QByteArray> &lists,
                                             const HeaderQuery &query);
    std::vector<QByteArray> hostsOrAddresses(const std::vector<QByteArray> &texts,
                                             const HeaderQuery &query);
    std::vector<QByteArray> received(int from, int to, bool isRaw);
    const std::vector<QByteArray> &allFields();
    std::vector<QByteArray> allRawFields() const;
    std::vector<QByteArray> valuesOf(QByteArrayView name, bool isRaw, bool isUnfolded);
    std::optional<QByteArray> envelopeFrom();
    SenderClue clue(const char *name);
    bool standsBelowReceived(QByteArrayView name);
    std::optional<QByteArray> firstAddress(const QByteArray &name);
    const RelayChain &relays();

    // Body
    PartTree &tree();
    void render();
    Leaf renderLeaf(int part);
    void renderHtmlLeaf(const QByteArray &octets, const QByteArray &charset, Leaf &leaf);
    std::vector<QByteArray> bodyOf(QByteArray Leaf::*view, bool hasSubject);

    mail::Content content;
    const TextSettings &settings;
    const DomainTable &domains;
    std::optional<Arrival> arrival;

    QByteArray text;  ///< With LF line ends.
    HeaderBlock block;
    std::vector<HeaderLine> fields;
    std::vector<FieldGroup> groups;  ///< In the order of their first fields.
    std::unordered_map<QByteArray, Answer> answers;
    std::map<QByteArray, QByteArray> metadata;
    std::optional<std::vector<QByteArray>> all;
    bool isAllTruncated = false;
    std::optional<std::optional<QByteArray>> sender;

    std::unique_ptr<PartTree> parts;
    std::vector<std::optional<QByteArray>> rawParts;
    std::vector<std::optional<QByteArray>> decodedParts;
    std::optional<std::vector<Leaf>> leaves;
    std::vector<HtmlFacts> htmlFacts;
    std::vector<std::vector<HtmlUri>> htmlUris;
    bool endsWithHtml = false;  ///< The last HTML part was not empty.
    bool isHtmlUriTruncated = false;
    std::optional<std::vector<QByteArray>> body;
    std::optional<std::vector<QByteArray>> visible;
    std::optional<std::vector<QByteArray>> invisible;
    std::optional<std::vector<QByteArray>> rawBody;
    std::optional<QByteArray> full;
    std::optional<UriList> uris;
    std::optional<RelayChain> chain;
};

}  // namespace portcullis::spam
